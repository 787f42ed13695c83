"""System calls that a worker may not make: a seccomp filter, with the standard library alone.

It runs inside the sandbox, by path. The filter is written for x86-64 and AArch64; elsewhere there is none.
Numbers: Linux's `asm/unistd_64.h` and `asm-generic/unistd.h`; the filter: `linux/filter.h`, `linux/seccomp.h`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct

# AUDIT_ARCH_*, and where a program's own call numbers end (x32 calls lie above)
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_FOREIGN_CALLS = 0x40000000

# name: (x86-64, AArch64); None where the machine does not have it
_SOCKET = (41, 198)
_TO_OTHERS = {"connect": (42, 203), "accept": (43, 202), "accept4": (288, 242)}
"""Of a socket that may be opened."""
_ALWAYS = {
    "io_uring_setup": (425, 425),  # opens sockets without the call above
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "acct": (163, 89),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "syslog": (103, 116),
    "iopl": (172, None),
    "ioperm": (173, None),
    "fanotify_init": (300, 262),
}
# The rest is for a worker that has the host's namespaces.
_SHARED = {  # shared memory, semaphores and queues of other processes
    "shmget": (29, 194),
    "shmat": (30, 196),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "ioprio_set": (251, 30),
}
_OF_A_PROCESS = {  # name: (x86-64, AArch64, the argument that names the process)
    "prlimit64": (302, 261, 0),
    "setpriority": (141, 140, 1),
    "sched_setparam": (142, 118, 0),
    "sched_setscheduler": (144, 119, 0),
    "sched_setaffinity": (203, 122, 0),
    "sched_setattr": (314, 274, 0),
}
_SIGNALS = {"kill": (62, 129, 0), "tgkill": (234, 131, 0)}
# Landlock does not control these, and a filter does not see which file they name: they succeed and change nothing,
# since the libraries that unpack or copy files take an error for the end.
_METADATA = {
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
}
_CLONE, _CLONE3 = (56, 220), (435, 435)
# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_NEW_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN, _AND = 0x20, 0x15, 0x35, 0x45, 0x06, 0x54
_KIND_OF_SOCKET = 0xF
"""Of the type of a socket, without its flags."""
_ALLOW, _ERROR, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2


def available() -> bool:
    """Whether the filter is written for this machine."""
    return platform.machine() in _MACHINES


def restrict(*, own_namespaces: bool, signals_scoped: bool, gpu: bool = False) -> None:
    """Forbid the calls for this process and all that it starts, for ever; threads that run already are left out.

    `own_namespaces`: it sees no process and no shared memory but its own; `signals_scoped`: Landlock keeps its signals
    from others; `gpu`: CUDA's driver listens on a Unix socket, through which other processes could ask it for memory,
    and does not start where it may not: it may, and talks to nobody. The process must have `no_new_privs`. Raises
    OSError.
    """
    program = b"".join(_program(own_namespaces=own_namespaces, signals_scoped=signals_scoped, gpu=gpu))
    instructions = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))

    described = Program(len(program) // 8, ctypes.addressof(instructions))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(described), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp filter")


def _program(*, own_namespaces: bool, signals_scoped: bool, gpu: bool) -> list[bytes]:
    machine = platform.machine()
    arch, column = _MACHINES[machine]
    refused = _RETURN, _ERROR | errno.EPERM
    program = [
        _step(_LOAD, _ARCH),
        _step(_EQUAL, arch, no=1),
        _step(_EQUAL, arch, yes=1),
        _step(_RETURN, _KILL_PROCESS),
        _step(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":
        program += [_step(_AT_LEAST, _FOREIGN_CALLS, no=1), _step(*refused)]
    denied = [*_ALWAYS.values(), *(() if own_namespaces else _SHARED.values())]
    denied += _TO_OTHERS.values() if gpu else [_SOCKET]
    for numbers in denied:
        program += _returned(numbers[column], *refused)
    if gpu:
        program += _silent_sockets(_SOCKET[column])
    # its flags lie in memory, where a filter cannot look; the C library falls back to clone
    program += _returned(_CLONE3[column], _RETURN, _ERROR | errno.ENOSYS)
    program += [
        _step(_EQUAL, _CLONE[column], no=4),
        _step(_LOAD, _ARGUMENTS),
        _step(_ANY_BIT, _NEW_NAMESPACES, no=1),
        _step(*refused),
        _step(_RETURN, _ALLOW),
    ]
    if not own_namespaces:
        for numbers in _METADATA.values():
            program += _returned(numbers[column], _RETURN, _ERROR)
        for call in [*_OF_A_PROCESS.values(), *(() if signals_scoped else _SIGNALS.values())]:
            program += _about_itself(call[column], call[2])
    return [*program, _step(_RETURN, _ALLOW)]


def _returned(number: int | None, code: int, value: int) -> list[bytes]:
    return [] if number is None else [_step(_EQUAL, number, no=1), _step(code, value)]


def _silent_sockets(number: int) -> list[bytes]:
    """Unix sockets of a kind that sends nothing before it is connected; others are refused."""
    return [
        _step(_EQUAL, number, no=7),
        _step(_LOAD, _ARGUMENTS),
        _step(_EQUAL, socket.AF_UNIX, no=4),
        _step(_LOAD, _ARGUMENTS + 8),
        _step(_AND, _KIND_OF_SOCKET),
        _step(_EQUAL, socket.SOCK_STREAM, yes=2),
        _step(_EQUAL, socket.SOCK_SEQPACKET, yes=1),
        _step(_RETURN, _ERROR | errno.EPERM),
        _step(_LOAD, _NUMBER),
    ]


def _about_itself(number: int, argument: int) -> list[bytes]:
    """The call is allowed for this process alone, by its number or as 0."""
    return [
        _step(_EQUAL, number, no=5),
        _step(_LOAD, _ARGUMENTS + 8 * argument),
        _step(_EQUAL, 0, yes=2),
        _step(_EQUAL, os.getpid(), yes=1),
        _step(_RETURN, _ERROR | errno.EPERM),
        _step(_RETURN, _ALLOW),
    ]


def _step(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("HBBI", code, yes, no, value)
