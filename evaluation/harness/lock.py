"""Lock: who writes into a run's folder. One process that works on all of it, or any number with a shard each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from evaluation.errors import RunLocked

_WAIT = 90.0
"""Seconds that a shard waits for the folder: others hold it for a moment when they begin, and a node that has lost the
process that started it works on for a minute."""
_SHARD = "shard-*.lock"


@contextlib.contextmanager
def whole_run(folder: Path) -> Iterator[None]:
    """Hold the whole run. Raises RunLocked at once when a process or a shard holds it."""
    with _held(folder / "lock", wait=0.0, folder=folder):
        for path in sorted(folder.glob(_SHARD)):
            with _held(path, wait=0.0, folder=folder):
                pass
        yield


@contextlib.contextmanager
def shard_of_run(folder: Path, name: str) -> Iterator[None]:
    """Hold one shard. Raises RunLocked when a process holds the whole run or this very shard."""
    with contextlib.ExitStack() as mine:
        with _held(folder / "lock", wait=_WAIT, folder=folder):
            mine.enter_context(_held(folder / f"shard-{name}.lock", wait=_WAIT, folder=folder))
        yield


def running(folder: Path) -> bool:
    """Whether a process writes this run, or a shard of it."""
    return any(_is_held(path) for path in (folder / "lock", *folder.glob(_SHARD)))


@contextlib.contextmanager
def _held(path: Path, *, wait: float, folder: Path) -> Iterator[None]:
    lock = FileLock(path, timeout=wait)
    try:
        lock.acquire()
    except Timeout:
        raise RunLocked(
            f"another process is writing {folder}; wait for it, or give this run another folder with --runs"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _is_held(path: Path) -> bool:
    if not path.exists():
        return False
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return True
    lock.release()
    return False
