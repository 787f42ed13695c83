"""The sandbox: pickles that try to do harm, and what of the machine is as before afterwards."""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ase.build import bulk

from tests import toy
from zoo.errors import WorkerDied
from zoo.potential import Potential
from zoo.sandbox import choice, launch

CU = bulk("Cu", a=3.7)
ADAPTER = toy.ADAPTER.with_name("hostile.py")
SECRET = "hf_never_to_be_seen"
WATCHDOG = 600.0
"""Seconds for what happens at once unless the machine is busy."""


class Payload:
    """Unpickling runs `source`, whose `outcome` it becomes."""

    def __init__(self, source: str, **names: Any) -> None:
        self.code = f"(lambda names: (exec({source!r}, names), names['outcome'])[1])({names!r})"

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return eval, (self.code,)


@pytest.fixture
def scratches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the workers' own folders are made, if on this machine's disk at all."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@contextlib.contextmanager
def opened(folder: Path, source: str, *, python: Path = Path(sys.executable), **names: Any) -> Iterator[Potential]:
    """A potential whose checkpoint runs `source`, with `names`, when it is opened."""
    checkpoint = folder / "checkpoint.pkl"
    checkpoint.write_bytes(pickle.dumps(Payload(source, **names)))
    worker = toy.worker(folder, adapter=ADAPTER, files={"upstream": checkpoint}, python=python)
    card = toy.card()
    with Potential(worker, card=card, mode=card.default_mode) as potential:
        yield potential


def outcome(folder: Path, source: str, **names: Any) -> float:
    with opened(folder, source, **names) as potential:
        return float(potential.compute([CU]).energies[0])


TRIED = """
outcome = 0
for attempt in attempts:
    try:
        outcome = max(outcome, bool(eval(attempt)))
    except OSError:
        pass
"""


def tried(folder: Path, *attempts: str, **names: Any) -> float:
    """1 when one of the expressions is true inside, 0 when all are false or end in an OSError."""
    source = "import ctypes, os, pathlib, resource, signal, socket\n" + TRIED
    return outcome(folder, source, attempts=attempts, **names)


@pytest.mark.usefixtures("mode")
def test_the_payload_runs_and_a_potential_computes(tmp_path: Path) -> None:
    assert tried(tmp_path, "os.path.exists(os.environ['HOME'])") == 1
    assert outcome(tmp_path, "outcome = 7.5") == 7.5


@pytest.mark.usefixtures("mode")
def test_a_worker_has_a_home_of_its_own_and_no_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / ".cache" / "huggingface").mkdir(parents=True)
    token = home / ".cache" / "huggingface" / "token"
    token.write_text(SECRET)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("HF_TOKEN", SECRET)
    attempts = (
        "secret in repr(dict(os.environ))",
        "secret in pathlib.Path('~/.cache/huggingface/token').expanduser().read_text()",
        "secret in pathlib.Path(token).read_text()",
        "os.listdir(pathlib.Path(token).parent)",
        "secret in pathlib.Path(f'/proc/{host}/environ').read_text()",
        "any(secret in (p / 'environ').read_text() for p in pathlib.Path('/proc').glob('[0-9]*'))",
    )
    assert tried(tmp_path, *attempts, secret=SECRET, token=str(token), host=os.getpid()) == 0


@pytest.mark.usefixtures("mode")
def test_nobodys_files_are_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    attempts = (
        "pathlib.Path(secret).read_text()",
        "os.listdir(pathlib.Path(secret).parent.parent)[10:]",
        "pathlib.Path('/etc/shadow').read_text()",
        "pathlib.Path('/etc/passwd').read_text()",
        "pathlib.Path(f'/proc/{host}/root{secret}').read_text()",
        "pathlib.Path(f'/proc/self/root{secret}').read_text()",
        "[name for name in os.listdir(home) if name in there]",
    )
    there = [path.name for path in Path.home().iterdir() if path.is_file()]
    names: dict[str, Any] = {"secret": str(secret), "host": os.getpid(), "home": str(Path.home()), "there": there}
    assert tried(tmp_path, *attempts, **names) == 0


@pytest.mark.usefixtures("mode")
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "abstract", "io_uring"])
def test_nothing_is_connected(kind: str, tmp_path: Path) -> None:
    family = socket.AF_UNIX if kind in ("unix", "abstract") else socket.AF_INET
    stream = socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM
    place: Any = {"unix": str(tmp_path / "s"), "abstract": f"\0mlip-zoo-{os.getpid()}"}.get(kind, ("127.0.0.1", 0))
    with socket.socket(family, stream) as listening:
        listening.bind(place)
        listening.setblocking(False)
        if kind != "udp":
            listening.listen()
        attempts = {"io_uring": "ctypes.CDLL(None).syscall(425, 1, bytes(120)) >= 0"}
        connecting = f"(s := socket.socket({int(family)}, {int(stream)})).connect(place) or s.send(b'harm')"
        assert tried(tmp_path, attempts.get(kind, connecting), place=listening.getsockname()) == 0
        with pytest.raises(BlockingIOError):
            listening.recv(1) if kind == "udp" else listening.accept()


@pytest.mark.usefixtures("mode")
def test_nothing_outside_is_written(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("as it was")
    mine.chmod(0o600)
    before = mine.stat()
    attempts = (
        # a namespace has folders of its own below /tmp, where this may seem to succeed
        "pathlib.Path(mine).write_text('harm') and False",
        "pathlib.Path(beside).write_text('harm') and False",
        "os.truncate(mine, 0)",
        "os.rename(mine, beside)",
        "os.symlink(mine, beside)",
        "os.unlink(mine)",
        "os.chmod(mine, 0o777)",
        "os.utime(mine, (0, 0))",
        "os.chown(mine, 1, 1)",
        "pathlib.Path(adapter).open('ab')",
        "(pathlib.Path(adapter).parent / 'harm.py').write_text('harm') and False",
        "pathlib.Path('/usr/harm').write_text('harm')",
        "pathlib.Path('/dev/shm/' + harm).write_text('harm') and False",
        "pathlib.Path('/tmp/' + harm).write_text('harm') and False",
        "pathlib.Path('/proc/sys/kernel/core_pattern').open('r+')",
        "pathlib.Path('/proc/sysrq-trigger').open('r+')",
        "os.chmod(adapter, 0o777) is None and os.stat(adapter).st_mode & 0o777 == 0o777",
    )
    harm = f"mlip-zoo-harm-{os.getpid()}"
    names: dict[str, Any] = {"mine": str(mine), "beside": str(tmp_path / "beside"), "adapter": str(ADAPTER)}
    assert tried(tmp_path, *attempts, harm=harm, **names) == 0
    assert mine.read_text() == "as it was"
    after = mine.stat()
    assert (after.st_mode, after.st_mtime_ns, after.st_uid) == (before.st_mode, before.st_mtime_ns, before.st_uid)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.pkl", "mine", "toy.json"]
    assert not ADAPTER.with_name("harm.py").exists()
    assert not any(Path(folder, harm).exists() for folder in ("/tmp", "/dev/shm"))


@pytest.mark.usefixtures("mode")
def test_the_host_is_not_touched(tmp_path: Path) -> None:
    got: list[int] = []
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = signal.signal(signal.SIGUSR1, lambda number, _: got.append(number))
    try:
        attempts = (
            "open(f'/proc/{host}/mem', 'r+b')",
            "open(f'/proc/{host}/maps').read()",
            "os.kill(host, signal.SIGUSR1) is None",
            "os.kill(-1, signal.SIGUSR1) is None and False",
            "ctypes.CDLL(None).tgkill(host, host, int(signal.SIGUSR1)) == 0",
            "signal.pidfd_send_signal(os.pidfd_open(host), signal.SIGUSR1) is None",
            "ctypes.CDLL(None).ptrace(16, host, 0, 0) == 0",
            "ctypes.CDLL(None).process_vm_readv(host, 0, 0, 0, 0, 0) == 0",
            "resource.prlimit(host, resource.RLIMIT_NOFILE, (64, 64))",
            "os.setpriority(os.PRIO_PROCESS, host, 5) is None",
            "ctypes.CDLL(None).unshare(0x10000000) == 0",
            "ctypes.CDLL(None).mount(b'none', b'/tmp', b'tmpfs', 0, 0) == 0",
            "os.setuid(1) is None",
        )
        # its own signals must not end it
        source = "import ctypes, os, resource, signal\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN)\n" + TRIED
        assert outcome(tmp_path, source, attempts=attempts, host=os.getpid()) == 0
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert got == []
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == limits
    assert os.getpriority(os.PRIO_PROCESS, os.getpid()) == os.getpriority(os.PRIO_PROCESS, 0)


DAEMON = """
import os, subprocess, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.closerange(3, 100)
        os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", "import time; time.sleep(3600)", marker])
    os._exit(0)
os.wait()
outcome = 1
"""


def alive(marker: str) -> list[str]:
    """Processes of this machine with `marker` among their arguments, but for supervisors and their plans."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().split(b"\0")[-2:-1] == [marker.encode()]:
                found.append(path.parent.name)
    return found


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WATCHDOG
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("end", ["close", "death", "kill"])
def test_what_a_worker_started_ends_with_it(mode: str, end: str, tmp_path: Path, scratches: Path) -> None:
    marker = f"daemon-{mode}-{end}-{os.getpid()}"
    with opened(tmp_path, DAEMON, marker=marker) as potential:
        potential.compute([CU])
        wait_for(lambda: alive(marker))
        process = potential._backend._process  # type: ignore[attr-defined]
        if end == "death":
            os.kill(toy.pids(potential)[-1], signal.SIGKILL)
            assert process.end() == "signal SIGKILL"
        elif end == "kill":
            process.kill()
        else:
            potential.close()
        assert alive(marker) == []
        assert list(scratches.iterdir()) == []


@pytest.mark.parametrize("asked", ["bwrap", "landlock", "none"])
def test_a_killed_host_leaves_no_process_and_no_file(asked: str, tmp_path: Path) -> None:
    if asked != "none" and (reason := choice.unavailable(asked)):  # type: ignore[arg-type]
        (pytest.fail if os.environ.get("MLIP_ZOO_REQUIRE_ALL") else pytest.skip)(reason)
    marker = f"daemon-{asked}-host-{os.getpid()}"
    script = (
        "import os, pathlib, sys, tempfile\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from tests.zoo.sandbox import test_sandbox as t\n"
        "tempfile.tempdir = sys.argv[2]\n"
        "with t.opened(pathlib.Path(sys.argv[2]).parent, t.DAEMON, marker=sys.argv[3]) as potential:\n"
        "    potential.compute([t.CU])\n"
        "    t.wait_for(lambda: t.alive(sys.argv[3]))\n"
        "    print(os.listdir(sys.argv[2]), flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    scratches = tmp_path / "temporary"
    scratches.mkdir()
    command = [sys.executable, "-c", script, str(Path(__file__).parents[3]), str(scratches), marker, "last"]
    done = subprocess.run(
        command, env={**os.environ, "MLIP_ZOO_SANDBOX": asked}, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    wait_for(lambda: not alive(marker))
    wait_for(lambda: not list(scratches.iterdir()))


def test_a_full_disk_is_the_workers_own(
    mode: str, tmp_path: Path, scratches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "SCRATCH_BYTES", 8 << 20)
    source = (
        "import os, pathlib, time\n"
        "outcome = 0\n"
        "try:\n"
        "    for n in range(4096):\n"
        "        (pathlib.Path(os.environ['TMPDIR']) / str(n)).write_bytes(bytes(1 << 20))\n"
        "        outcome = n\n"
        "        time.sleep(0.005)\n"
        "except OSError:\n"
        "    pass\n"
    )
    if mode == "bwrap":
        assert outcome(tmp_path, source) <= 9
        assert outcome(tmp_path, source.replace("TMPDIR']", "TMPDIR'] + '/../../dev/shm'")) <= 9
    else:
        with pytest.raises(WorkerDied, match="wrote more than"):
            outcome(tmp_path, source)
    # one file alone ends earlier
    big = "import os\nwith open(os.environ['TMPDIR'] + '/big', 'wb') as file: file.truncate(1 << 30)"
    assert outcome(tmp_path, f"outcome = 0\ntry:\n    exec({big!r})\n    outcome = 1\nexcept OSError: pass") == 0
    assert list(scratches.iterdir()) == []


def test_an_interpreter_in_somebodys_home_brings_no_home(tmp_path: Path) -> None:
    for name in ("bin", "lib", "secrets"):
        (tmp_path / ".local" / name).mkdir(parents=True)
    (tmp_path / ".local" / "bin" / "python").symlink_to(sys.executable)
    found = launch._interpreter(tmp_path / ".local" / "bin" / "python")
    assert {path for path in found if path.is_relative_to(tmp_path)} == {
        tmp_path / ".local" / "bin",
        tmp_path / ".local" / "lib",
    }
