"""A Slurm of its own on this machine: a controller and two nodes, for as long as a test needs it."""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch")
NODES = ("n1", "n2")
_LIMIT = 60.0
"""Seconds for any of Slurm's commands."""

_CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
SlurmctldPort={port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=100
ReturnToService=2
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0,sched_min_interval=0
MinJobAge=300
KillWait=2
SlurmdTimeout=10
SlurmdParameters=config_overrides
PropagateResourceLimits=NONE
RebootProgram=/bin/true
{nodes}
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class Slurm:
    """A running Slurm."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables = {"SLURM_CONF": str(folder / "slurm.conf")}

    def run(self, *command: str, check: bool = True) -> str:
        """One of Slurm's commands; its output."""
        environment = {**os.environ, **self.variables}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_LIMIT, check=False)
        assert done.returncode == 0 or not check, f"{command}: {done.stderr}"
        return done.stdout

    def jobs(self) -> dict[str, str]:
        """Running and waiting jobs, and their nodes."""
        lines = self.run("squeue", "--noheader", "--format=%A %N").splitlines()
        return {line.split()[0]: " ".join(line.split()[1:]) for line in lines}

    def wait(self, *, limit: float) -> None:
        """Until no job runs or waits."""
        end = time.monotonic() + limit
        while self.jobs():
            assert time.monotonic() < end, "jobs do not end"
            time.sleep(0.5)


@contextlib.contextmanager
def slurm() -> Iterator[Slurm]:
    """Start it, and end all of it."""
    with tempfile.TemporaryDirectory(prefix="slurm-") as name:
        # munge wants a path that all may pass; pytest's is closed
        folder = Path(name)
        folder.chmod(0o711)
        cluster = Slurm(folder)
        try:
            _start(cluster)
            yield cluster
        finally:
            _stop(cluster)


def _start(cluster: Slurm) -> None:
    folder = cluster.folder
    for name in ("munge", "state", "spool", "log"):
        (folder / name).mkdir(parents=True)
    munge = folder / "munge"
    munge.chmod(0o711)
    (munge / "key").write_bytes(secrets.token_bytes(1024))
    (munge / "key").chmod(0o600)
    files = [f"--{name}-file={munge / name}" for name in ("key", "log", "pid", "seed")]
    cluster.run(_program("munged"), "-S", str(munge / "socket"), "--num-threads=2", *files)
    controller, *ports = _free_ports(1 + len(NODES))
    host = socket.gethostname().partition(".")[0]
    nodes = "\n".join(
        f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=4 RealMemory=4000 State=UNKNOWN"
        for name, port in zip(NODES, ports, strict=True)
    )
    text = _CONFIGURATION.format(host=host, user=getpass.getuser(), folder=folder, port=controller, nodes=nodes)
    (folder / "slurm.conf").write_text(text)
    (folder / "cgroup.conf").write_text("CgroupMountpoint=/sys/fs/cgroup\n")
    cluster.run(_program("slurmctld"))
    for name in NODES:
        start_node(cluster, name)
    end = time.monotonic() + _LIMIT
    while cluster.run("sinfo", "--noheader", "--Node", "--format=%T", check=False).split() != ["idle"] * len(NODES):
        assert time.monotonic() < end, (folder / "log" / "slurmctld.log").read_text()[-2000:]
        time.sleep(0.2)


def start_node(cluster: Slurm, name: str) -> None:
    """Start a node's daemon."""
    cluster.run(_program("slurmd"), "-N", name)


def stop_node(cluster: Slurm, name: str) -> None:
    """End a node's daemon, as when the node is lost."""
    _kill(cluster.folder / f"{name}.pid")


def _stop(cluster: Slurm) -> None:
    with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
        cluster.run("scancel", "--user", getpass.getuser(), "--full", check=False)
        end = time.monotonic() + 20
        while cluster.jobs() and time.monotonic() < end:
            time.sleep(0.5)
    for name in (*NODES, "slurmctld"):
        _kill(cluster.folder / f"{name}.pid")
    _kill(cluster.folder / "munge" / "pid")


def _kill(pid_file: Path) -> None:
    try:
        pid = int(pid_file.read_text())
    except (OSError, ValueError):
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            end = time.monotonic() + 10
            while time.monotonic() < end:
                os.kill(pid, 0)
                time.sleep(0.1)


def _program(name: str) -> str:
    """Daemons lie where a user's PATH does not lead."""
    return next((str(path) for place in ("/usr/sbin", "/sbin") if (path := Path(place) / name).exists()), name)


def _free_ports(n: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
