"""Around a worker: starts it behind its restrictions, and ends all that it started. Standard library alone, by path.

    python -I -S confine.py supervise PLAN    outside: starts the sandbox, waits, ends every process of it
    python -I -S confine.py enter PLAN        inside a namespace: sets limits and the filter, becomes the worker

PLAN is JSON, written by sandbox.py. The supervisor ends the sandbox when the worker ends, on SIGTERM, and when its
parent, the host, is gone in whatever way; then it ends as the worker ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_CHILD_SUBREAPER, _PR_CAPBSET_DROP = 1, 38, 36, 24
_CAPABILITY_VERSION_3 = 0x20080522
_LAST_CAPABILITY = 63
_CHECK_MS = 1000
"""Milliseconds between two looks at how much the worker has written."""
# Of what a program asks for when it starts. A folder of a process, and these, are all of /proc that Landlock leaves.
_PROC = ("cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "uptime", "version", "driver/nvidia")
_PROC_SYS = (
    "kernel/osrelease",
    "kernel/threads-max",
    "kernel/cap_last_cap",
    "vm/overcommit_memory",
    "vm/max_map_count",
)
_PROC_GPU = ("devices", "modules", "sys/vm/mmap_min_addr")
"""What CUDA's driver reads beside; it also writes the names of its threads, and does not start where it cannot."""


def supervise(plan: dict[str, Any]) -> int:
    """Start the sandbox, wait for its end and leave nothing behind: no process, no file. Returns the exit status."""
    wake, notify = os.pipe()
    for end in (wake, notify):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(notify)
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    host = _opened(plan["parent"])
    scratch = tempfile.mkdtemp(prefix="mlip-zoo-worker-", dir=plan["temporary"]) if plan["scratch"] is None else None
    status = 1
    try:
        worker = _started(plan, scratch or plan["scratch"])
        _let_go_of_pipes()
        status = _wait(plan, worker, wake, host, scratch)
    finally:
        _end_descendants()
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
    return status


def enter(plan: dict[str, Any], scratch: str) -> None:
    """Become the worker, behind the restrictions of the plan."""
    os.environ |= _own_folders(Path(scratch))
    os.chdir(os.environ["HOME"])
    for name, most in plan["limits"].items():
        _limit(getattr(resource, name), most)
    if plan["mode"] != "none":
        _drop_privileges()
        seccomp = _beside("seccomp")
        if plan["mode"] == "landlock":
            landlock = _beside("landlock")
            scoped = landlock.abi() >= landlock.SCOPE_ABI
            proc = [f"/proc/{os.getpid()}", *(f"/proc/{name}" for name in _PROC)]
            proc += [f"/proc/sys/{name}" for name in _PROC_SYS]
            proc += [f"/proc/{name}" for name in _PROC_GPU] if plan["gpu"] else []
            own = [f"/proc/{os.getpid()}/{name}" for name in ("comm", "task")] if plan["gpu"] else []
            for path in (*proc, *own):
                landlock.keep_open(path)
            landlock.restrict(read=[*plan["read"], *proc], write=[scratch], devices=plan["devices"], own=own)
            seccomp.restrict(own_namespaces=False, signals_scoped=scoped, gpu=plan["gpu"])
        else:
            seccomp.restrict(own_namespaces=True, signals_scoped=True, gpu=plan["gpu"])
    os.execv(plan["command"][0], plan["command"])  # noqa: S606  # ours


def _started(plan: dict[str, Any], scratch: str) -> int:
    supervisor = os.getpid()
    worker = os.fork()
    if worker:
        return worker
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == supervisor:
            if plan["namespaces"]:
                os.execv(plan["namespaces"][0], plan["namespaces"])  # noqa: S606  # ours
            enter(plan, scratch)
    except BaseException as error:  # noqa: BLE001  # the parent's stack, which lies below, must not go on here
        sys.stderr.write(f"the sandbox could not be set up: {type(error).__name__}: {error}\n")
        sys.stderr.flush()
    finally:
        os._exit(126)


def _let_go_of_pipes() -> None:
    """The worker's end must be the end of its pipes."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(null, descriptor)


def _wait(plan: dict[str, Any], worker: int, wake: int, host: int | None, scratch: str | None) -> int:
    """Until the worker has ended, in which case its status is returned, or has to end."""
    watched = select.poll()
    watched.register(wake, select.POLLIN)
    if host is not None:
        watched.register(host, select.POLLIN)
    while True:
        with contextlib.suppress(ChildProcessError):
            ended, status = os.waitpid(worker, os.WNOHANG)
            if ended:
                return _translated(os.waitstatus_to_exitcode(status), through_bwrap=bool(plan["namespaces"]))
        if os.getppid() != plan["parent"]:
            return 1
        ready = dict(watched.poll(_CHECK_MS if scratch or host is None else None))
        if host is not None and host in ready:
            return 1
        if wake in ready and signal.SIGTERM in os.read(wake, 4096):
            return -signal.SIGTERM
        if scratch and _bytes_in(scratch) > plan["scratch_bytes"]:
            sys.stderr.write(f"the worker wrote more than {plan['scratch_bytes']} bytes and was stopped\n")
            return 1


def _translated(code: int, *, through_bwrap: bool) -> int:
    """An exit status; below zero is a signal, which bwrap reports as 128 + its number."""
    return 128 - code if through_bwrap and code > 128 else code


def _end_descendants() -> None:
    """Kill all processes below this one, those that left their parents too: they come to this one."""
    while True:
        for process in _descendants(os.getpid()):
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _descendants(ancestor: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                # the second field, a name in parentheses, may hold anything
                text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
                children.setdefault(int(text.rpartition(")")[2].split()[1]), []).append(int(folder.name))
    found: list[int] = []
    todo = [ancestor]
    while todo:
        below = children.pop(todo.pop(), [])
        found += below
        todo += below
    return found


def _bytes_in(folder: str) -> int:
    """Of the files in a folder, as they lie on the disk."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += Path(path, name).lstat().st_blocks * 512
    return total


def _own_folders(scratch: Path) -> dict[str, str]:
    """The variables that name the places where a program writes, all below `scratch`; the folders are made."""
    home = scratch / "home"
    names = {"HOME": "", "XDG_CACHE_HOME": ".cache", "XDG_CONFIG_HOME": ".config", "XDG_DATA_HOME": ".local/share"}
    names |= {"XDG_STATE_HOME": ".local/state", "MPLCONFIGDIR": ".config/matplotlib"}
    folders = {name: home / below for name, below in names.items()} | {"TMPDIR": scratch / "tmp"}
    for folder in folders.values():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {name: str(folder) for name, folder in folders.items()}


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    with contextlib.suppress(OSError, ValueError):  # some containers forbid even to lower one
        resource.setrlimit(kind, (most, most))


def _drop_privileges() -> None:
    """No capability, even for root, and no program that gives one back."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    for capability in range(_LAST_CAPABILITY + 1):
        with contextlib.suppress(OSError):  # beyond the kernel's last, or without the right to
            _prctl(_PR_CAPBSET_DROP, capability)
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    if libc.capset(header, (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), "capset")


def _opened(process: int) -> int | None:
    """Something that becomes readable when a process ends; None where the kernel has no such thing."""
    try:
        return os.pidfd_open(process)
    except OSError:
        return None


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)):
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def _beside(name: str) -> Any:  # noqa: ANN401  # a module
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Do what the first argument says, and end as the worker ended."""
    plan = json.loads(sys.argv[2])
    if sys.argv[1] == "enter":
        enter(plan, plan["scratch"])
    status = supervise(plan)
    if status < 0:
        signal.signal(-status, signal.SIG_DFL) if -status not in (signal.SIGKILL, signal.SIGSTOP) else None
        os.kill(os.getpid(), -status)
    sys.exit(status)


if __name__ == "__main__":
    main()
