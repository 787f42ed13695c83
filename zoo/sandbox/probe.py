"""The proof that a sandbox holds: a program that tries what a worker must not be able to do. Once per process and mode.

Run inside, by path, it prints what it could do. The host has made each of these things possible: the secret file is
there, the ports listen, and the same program without a sandbox does them all (a test).
"""

from __future__ import annotations

import ctypes
import functools
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

MUST = frozenset({"read its own file", "write to its own folder"})
FOR_A_GPU = frozenset({"listen without a place", "name a thread"})
"""What CUDA's driver does when it starts, with or without one here; it may happen only where accelerators are open."""
DRIVER = "start CUDA's driver"
"""What a program can do where there is an accelerator; a sandbox in which it cannot is none for it."""
TIME_LIMIT = 60.0
_SOCKETS = ("tcp", "udp", "unix", "datagrams")
"""Of the host, which listen: two ports and two places."""


@functools.cache
def failure(mode: Literal["bwrap", "landlock", "none"], *, gpu: bool = False) -> str | None:
    """Why this mode, with the accelerators open or not, does not hold on this machine; None when it does.

    With them open, CUDA's driver must start inside where it starts outside.
    """
    could = _could(mode, gpu=gpu)
    if isinstance(could, str):
        return could
    needed = MUST | (FOR_A_GPU if gpu else frozenset())
    if missing := sorted(needed - could):
        return f"inside, a program could not {', '.join(missing)}"
    if harm := sorted(could - needed - {DRIVER}):
        return f"inside, a program could {', '.join(harm)}"
    if gpu and DRIVER not in could and DRIVER in _could("none", gpu=True):
        return f"inside, a program could not {DRIVER}"
    return None


@functools.cache
def _could(mode: Literal["bwrap", "landlock", "none"], *, gpu: bool) -> frozenset[str] | str:
    """What a program could do inside, in words, or why it did not start."""
    from zoo.sandbox.launch import launch  # inside, where this file is run, there is no zoo

    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket() as tcp,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as unix,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams,
    ):
        for listening in (tcp, udp):
            listening.bind(("127.0.0.1", 0))
        places = [str(Path(folder) / name) for name in ("unix", "datagrams")]
        for listening, place in zip((unix, datagrams), places, strict=True):
            listening.bind(place)
        for listening in (tcp, unix):
            listening.listen()
        own, secret = Path(folder) / "own", Path(folder) / "secret"
        own.write_text("its own", encoding="utf-8")
        secret.write_text("nobody else's", encoding="utf-8")
        ports = [str(listening.getsockname()[1]) for listening in (tcp, udp)]
        started = launch(
            mode=mode,
            python=Path(sys.executable),
            program=Path(__file__),
            arguments=[str(own), str(secret), str(os.getpid()), *ports, *places],
            read=[own],
            gpu=gpu,
        )
        try:
            done = subprocess.run(
                started.command,
                env=started.environment,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                timeout=TIME_LIMIT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"it did not start ({type(error).__name__}: {error})"
    if done.returncode:
        told = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return f"it did not start ({told[-1][:200] if told else f'exit {done.returncode}'})"
    return frozenset(json.loads(done.stdout))


def _listen() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as here:
        here.bind(f"\0mlip-zoo-probe-{os.getpid()}")
        here.listen()


def _connect(port: int, kind: socket.SocketKind) -> None:
    with socket.socket(type=kind) as here:
        here.connect(("127.0.0.1", port))
        here.send(b"probe")


def _send(place: str, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_UNIX, kind) as here:
        here.connect(place)
        here.send(b"probe")


def _tried(own: str, secret: str, host: str, *, tcp: str, udp: str, unix: str, datagrams: str) -> list[str]:
    """What could be done, in words."""
    attempts: dict[str, Callable[[], object]] = {
        "read its own file": lambda: Path(own).read_bytes(),
        "write to its own folder": lambda: (Path(os.environ["TMPDIR"]) / "probe").write_bytes(b"probe"),
        "read a file outside": lambda: Path(secret).read_bytes(),
        "list a folder outside": lambda: _listed(Path(secret)),
        "write to its own file": lambda: Path(own).write_bytes(b"probe"),
        "write beside its program": lambda: tempfile.TemporaryFile(dir=Path(__file__).parent).close(),
        "connect by TCP": lambda: _connect(int(tcp), socket.SOCK_STREAM),
        "send by UDP": lambda: _connect(int(udp), socket.SOCK_DGRAM),
        "connect to a Unix socket": lambda: _send(unix, socket.SOCK_STREAM),
        "send to a Unix socket": lambda: _send(datagrams, socket.SOCK_DGRAM),
        "listen without a place": _listen,
        "name a thread": lambda: Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text("probe\n"),
        "write to the kernel's settings": _write_to_proc,
        "read the host's variables": lambda: Path(f"/proc/{host}/environ").read_bytes(),
        "signal the host": lambda: _signal(int(host)),
        DRIVER: _start_driver,
    }
    could = []
    for what, attempt in attempts.items():
        try:
            attempt()
        except OSError:
            continue
        could.append(what)
    return could


def _listed(secret: Path) -> None:
    # a namespace may have an empty folder of that name
    if secret.name not in [path.name for path in secret.parent.iterdir()]:
        raise FileNotFoundError


def _write_to_proc() -> None:
    # opened, not written: as root outside it would take effect
    for name in ("sys/kernel/printk", "sys/vm/swappiness", "sysrq-trigger", "irq/default_smp_affinity"):
        try:
            os.close(os.open(f"/proc/{name}", os.O_WRONLY))
        except OSError:
            continue
        return
    raise PermissionError


def _start_driver() -> None:
    if ctypes.CDLL("libcuda.so.1").cuInit(0):
        raise OSError


def _signal(host: int) -> None:
    # in a namespace of its own the number may be that of this program or one that it started
    if Path(f"/proc/{host}/cmdline").read_bytes() == Path("/proc/self/cmdline").read_bytes():
        raise ProcessLookupError
    os.kill(host, 0)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_tried(*sys.argv[1:4], **dict(zip(_SOCKETS, sys.argv[4:], strict=True)))))
