"""How a worker's process is started in a sandbox: its command, its variables, and the files that it may read."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from zoo import adapters

Confinement = Literal["bwrap", "landlock", "none"]

CONFINE = Path(__file__).with_name("confine.py")

SCRATCH_BYTES = 1 << 30
"""What a worker may write beside three times the size of its files (it may unpack them)."""
PROCESSES = 4096
"""Threads count too."""

# glibc returns every large batch's pages and faults them in again, up to 5 ms per atom: keep them
KEEP_PAGES = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "99999999999",
    "MALLOC_TOP_PAD_": "268435456",
}
# JAX reads NPROC
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NPROC")
_BASE_PACKAGES = "base-packages"  # in pyvenv.cfg, see zoo.runtime.wheels
_FIXED = {"PATH": "/usr/local/bin:/usr/bin:/bin", "USER": "worker", "LOGNAME": "worker"}
# How threads, accelerators and languages are set: nothing that names a person, a place or a secret.
_ALLOWED = re.compile(
    r"LANG|LANGUAGE|LC_[A-Z]+|TZ|LD_LIBRARY_PATH|NPROC|(OMP|KMP|GOMP|MKL|OPENBLAS|NUMEXPR)_[A-Z_]+"
    r"|CUDA_(VISIBLE_DEVICES|DEVICE_ORDER|LAUNCH_BLOCKING|MODULE_LOADING|CACHE_DISABLE)|CUBLAS_WORKSPACE_CONFIG"
    r"|(HIP|ROCR)_VISIBLE_DEVICES|NVIDIA_(VISIBLE_DEVICES|DRIVER_CAPABILITIES|TF32_OVERRIDE)"
    r"|PYTORCH_(CUDA_)?ALLOC_CONF|TORCH_CPP_LOG_LEVEL|XLA_FLAGS|XLA_PYTHON_CLIENT_[A-Z_]+|JAX_(PLATFORMS|ENABLE_X64)"
    r"|TF_(CPP_MIN_LOG_LEVEL|ENABLE_ONEDNN_OPTS|FORCE_GPU_ALLOW_GROWTH|NUM_(INTER|INTRA)OP_THREADS|XLA_FLAGS)"
)

# The system's programs and libraries, and what of its settings a program that computes looks at.
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store", "/run/opengl-driver")
_SETTINGS = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "alternatives", "fonts")
_TOPOLOGY = ("/sys/devices/system/cpu", "/sys/devices/system/node")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_GPU_DEVICES = ("nvidia*", "dri/render*", "kfd", "dxg")
_GPU_SYSTEM = ("/sys/bus/pci", "/sys/class", "/sys/devices", "/sys/dev", "/sys/module", "/etc/vulkan", "/etc/OpenCL")


@dataclass(frozen=True)
class Launch:
    """How a worker's process is started."""

    command: list[str]
    environment: dict[str, str]


def launch(
    *,
    mode: Confinement,
    python: Path,
    program: Path,
    arguments: Sequence[str] = (),
    read: Iterable[Path] = (),
    gpu: bool = False,
    threads: int | None = None,
) -> Launch:
    """The command that runs `program` with `python` and `-I` in a sandbox of this mode.

    `read`: files and folders that it may read, beside the interpreter's, the program's folder and the adapters'.
    `gpu`: whether it may use the accelerators of this machine, and do what CUDA's driver starts with.
    """
    given = [Path(path).absolute() for path in read]
    environment = variables(threads=threads)
    command = [str(python.absolute()), "-I", str(program), *arguments]
    if not sys.platform.startswith("linux"):
        return Launch(command, environment)
    home = Path.home()
    named = [Path(part) for part in environment.get("LD_LIBRARY_PATH", "").split(os.pathsep)]
    libraries = [path for path in named if path.is_absolute() and path not in (home, *home.parents)]
    readable = [*_interpreter(python.absolute()), CONFINE.parent, program.parent, adapters.FOLDER, *libraries, *given]
    devices = accelerators() if gpu else []
    system = [*_SYSTEM, *(f"/etc/{name}" for name in _SETTINGS), *_TOPOLOGY, *(_GPU_SYSTEM if devices else ())]
    scratch_bytes = SCRATCH_BYTES + 3 * sum(path.stat().st_size for path in given if path.is_file())
    limits = {"RLIMIT_FSIZE": scratch_bytes, "RLIMIT_CORE": 0}
    plan: dict[str, object] = {
        "mode": mode,
        "parent": os.getpid(),
        "command": command,
        "namespaces": None,
        "scratch": None,
        "temporary": tempfile.gettempdir(),
        "scratch_bytes": scratch_bytes,
        "limits": limits,
        "read": [],
        "devices": [],
        "gpu": gpu,
    }
    if mode == "landlock":
        limits["RLIMIT_NPROC"] = PROCESSES + _processes_of_this_user()
        plan |= {"read": [*system, *map(str, readable)], "devices": [*_DEVICES, *devices]}
    if mode == "bwrap":
        limits["RLIMIT_NPROC"] = PROCESSES
        inner = json.dumps({**plan, "scratch": "/tmp"})  # noqa: S108  # its own
        enter = [str(python.absolute()), "-I", "-S", str(CONFINE), "enter", inner]
        namespaces = _namespaces(system, [str(path) for path in readable], devices, scratch_bytes, gpu=gpu)
        plan |= {"namespaces": [*namespaces, *enter], "scratch": "/tmp"}  # noqa: S108
    supervisor = sys.executable or str(python)
    return Launch([supervisor, "-I", "-S", str(CONFINE), "supervise", json.dumps(plan)], environment)


def accelerators() -> list[str]:
    """The devices through which programs reach this machine's accelerators."""
    return [str(path) for pattern in _GPU_DEVICES for path in Path("/dev").glob(pattern)]


def variables(*, threads: int | None) -> dict[str, str]:
    """The environment variables that a worker gets: those of this process that are on the list, and `threads`."""
    mine = {name: value for name, value in os.environ.items() if _ALLOWED.fullmatch(name)}
    return {**mine, **_FIXED, **KEEP_PAGES, **(dict.fromkeys(THREADS, str(threads)) if threads else {})}


def bwrap() -> str | None:
    """The path of bubblewrap; None when it is not installed."""
    return shutil.which("bwrap")


def _namespaces(
    system: Sequence[str], read: Iterable[str], devices: Iterable[str], scratch_bytes: int, *, gpu: bool
) -> list[str]:
    program = bwrap()
    assert program is not None
    limited = ["--size", str(scratch_bytes)] if _knows_sizes(program) else []
    command = [program, "--unshare-all", "--unshare-user", "--uid", "65534", "--gid", "65534", "--hostname", "worker"]
    command += ["--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    for place in system:
        if Path(place).is_symlink():
            command += ["--symlink", str(Path(place).readlink()), place]
        elif Path(place).exists():
            command += ["--ro-bind", place, place]
    command += ["--proc", "/proc", "--dev", "/dev", *limited, "--tmpfs", "/dev/shm"]  # noqa: S108  # its own
    for device in devices:
        command += ["--dev-bind", device, device]
    command += [*limited, "--tmpfs", "/tmp"]  # noqa: S108
    for place in sorted(set(read), key=lambda place: (place.count("/"), place)):
        if not place.startswith("/usr/"):
            command += ["--ro-bind-try", place, place]
    # whoever was root outside owns /proc/sys inside
    command += _proc_but_processes() if gpu else ["--remount-ro", "/proc"]
    return [*command, "--remount-ro", "/dev", "--remount-ro", "/"]


def _proc_but_processes() -> list[str]:
    """Arguments that leave nothing of /proc writable but what is about the processes inside.

    CUDA's driver writes the names of its threads there, and does not start where it cannot.
    """
    command = []
    for place in sorted(Path("/proc").iterdir()):
        if not place.name.isdigit() and not place.is_symlink() and (place.is_dir() or place.stat().st_mode & 0o222):
            command += ["--ro-bind-try", str(place), str(place)]
    return command


def _interpreter(python: Path) -> list[Path]:
    """The folders of an interpreter: its environment, and what that was made from."""
    environment = python.parent.parent
    found = [environment] if (environment / "pyvenv.cfg").is_file() else _parts(environment)
    settings_file = environment / "pyvenv.cfg"
    if settings_file.is_file():
        for line in settings_file.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition("=")
            if name.strip() == "home":
                found += _parts(Path(value.strip()).parent)
            elif name.strip() == _BASE_PACKAGES:
                found.append(Path(value.strip()))
    return [*found, *_parts(python.resolve().parent.parent)]


def _parts(prefix: Path) -> list[Path]:
    """Of a prefix, which may be somebody's home, what belongs to the interpreter."""
    return [
        path for name in ("bin", "lib", "lib64") for path in {prefix / name, (prefix / name).resolve()} if path.is_dir()
    ]


@functools.cache
def _knows_sizes(program: str) -> bool:
    """Whether this bubblewrap can limit a tmpfs (from 0.7 on); without, it ends at half of the memory."""
    told = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    return "--size" in told.stdout + told.stderr


def _processes_of_this_user() -> int:
    """Threads that count against the limit of this user's processes already."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text(encoding="utf-8", errors="replace")
        except OSError:  # it has ended
            continue
        fields: Mapping[str, str] = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        if fields.get("Uid", "").split()[:1] == [str(os.getuid())]:
            total += int(fields.get("Threads", "1"))
    return total
