"""Files that a worker may open: Landlock, with the standard library alone. It runs inside the sandbox, by path.

Source: https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

LEAST_ABI = 3
"""The first version that controls truncation (Linux 6.2)."""
SCOPE_ABI = 6
"""The first version that keeps signals and abstract sockets from processes outside."""

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG, _MAKE_FIFO, _MAKE_SYM = (
    1 << 4,
    1 << 5,
    1 << 7,
    1 << 8,
    1 << 10,
    1 << 12,
)
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_WRITE = _READ | _WRITE_FILE | _TRUNCATE | _REFER | _REMOVE_DIR | _REMOVE_FILE
_WRITE |= _MAKE_DIR | _MAKE_REG | _MAKE_FIFO | _MAKE_SYM
_DEVICE = _READ_FILE | _WRITE_FILE | _IOCTL_DEV
_OWN = _READ | _WRITE_FILE | _TRUNCATE


def abi() -> int:
    """The version of Landlock in this kernel; 0 when there is none."""
    return max(0, int(_libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))))


def restrict(*, read: Iterable[str], write: Iterable[str], devices: Iterable[str], own: Iterable[str] = ()) -> None:
    """Allow this process, and all that it starts, these files and what lies in these folders, and no other.

    What does not exist is left out. `own` is written to where it is there, and nothing is made in it. TCP, and signals
    and abstract sockets towards others, end as far as the kernel's version knows how. The process must have
    `no_new_privs`. Raises OSError.
    """
    version = abi()
    if version < LEAST_ABI:
        raise OSError(f"Landlock of version {LEAST_ABI} is needed, this kernel has {version}")
    handled = (1 << 15) - 1 | (_IOCTL_DEV if version >= 5 else 0)
    network, scope = (3 if version >= 4 else 0), (3 if version >= SCOPE_ABI else 0)
    size = 24 if version >= SCOPE_ABI else 16 if version >= 4 else 8
    rules = _call(_CREATE_RULESET, struct.pack("QQQ", handled, network, scope)[:size], ctypes.c_size_t(size), 0)
    for paths, rights in ((read, _READ), (write, _WRITE), (devices, _DEVICE), (own, _OWN)):
        for path in paths:
            _allow(rules, path, rights & handled)
    _call(_RESTRICT_SELF, rules, 0)
    os.close(rules)


def keep_open(path: str) -> None:
    """Hold a file of /proc, in the programs that follow too: the kernel forgets it otherwise, and its rule with it."""
    if Path(path).exists():
        os.set_inheritable(os.open(path, os.O_PATH), True)


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _OF_FILES
        _call(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)


def _call(number: int, *arguments: object) -> int:
    result = int(_libc().syscall(number, *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), "Landlock")
    return result


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
