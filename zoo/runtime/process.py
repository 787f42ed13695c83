"""A worker's process: how it is started, and how it ends."""

from __future__ import annotations

import atexit
import collections
import contextlib
import fcntl
import os
import signal
import subprocess
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from typing import IO

from zoo.runtime import frames
from zoo.text import plain

STDERR_LINES = 25
"""Lines of stderr that an error message shows."""
LINE_CHARACTERS = 500
STDERR_TAIL = "; the end of its stderr:"
STOP_TIME_LIMIT = 5.0
"""Seconds that a worker has to end by itself, and its supervisor to end all that it started."""
_PIPE_BYTES = 1 << 20
_F_SETPIPE_SZ = 1031


class Process:
    """A child process with a pipe each way; the last lines of its stderr are kept for the error message.

    It belongs to the process that started it: in a forked child its methods do nothing.
    """

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str]) -> None:
        self._owner = os.getpid()
        with _starting:
            self._popen = subprocess.Popen(  # our own worker file in an environment that we built
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=dict(environment),
                start_new_session=True,  # Ctrl-C in a terminal is the host's to handle
            )
            _running.add(self)
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        assert self._popen.stderr is not None
        self.to = self._popen.stdin.fileno()
        self.back = self._popen.stdout.fileno()
        os.set_blocking(self.to, False)  # a worker that does not read must not hold its host for ever
        for fd in (self.to, self.back):
            with contextlib.suppress(OSError):  # only Linux can, and only up to a limit; it is a matter of speed
                fcntl.fcntl(fd, _F_SETPIPE_SZ, _PIPE_BYTES)
        self._lines: collections.deque[str] = collections.deque(maxlen=STDERR_LINES)
        self._reader = threading.Thread(target=_drain, args=(self._popen.stderr, self._lines), daemon=True)
        self._reader.start()

    def stop(self) -> None:
        """Ask it to end, and end it when it does not."""
        if not self._mine:
            return
        with contextlib.suppress(OSError):
            frames.write(self.to, {"op": "stop"}, deadline=time.monotonic() + STOP_TIME_LIMIT)
        try:
            self._popen.wait(STOP_TIME_LIMIT)
        except subprocess.TimeoutExpired:
            self.kill()
        self._close()

    def kill(self) -> None:
        """End it at once, with all that it started."""
        if not self._mine:
            return
        self._popen.terminate()  # the supervisor ends the rest
        try:
            self._popen.wait(STOP_TIME_LIMIT)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.wait()
        self._close()

    def end(self) -> str:
        """How it ended: `exit 1`, `signal SIGKILL`."""
        try:
            code = self._popen.wait(STOP_TIME_LIMIT)
        except subprocess.TimeoutExpired:
            self.kill()
            return "closed its pipe"
        self._close()
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit {code}"

    def stderr_tail(self) -> str:
        """The last lines of its stderr, as the end of an error message; empty when it wrote none."""
        self._reader.join(1)
        return STDERR_TAIL + "\n  " + "\n  ".join(self._lines) if self._lines else ""

    def abandon(self) -> None:
        """What a forked child does with its copy: close it, so that the worker sees the end of its own host."""
        self._close_streams()
        self._popen.returncode = 0  # it is not this process's to wait for

    @property
    def _mine(self) -> bool:
        return self._owner == os.getpid()

    def _close(self) -> None:
        _running.discard(self)
        self._reader.join(1)
        self._close_streams()

    def _close_streams(self) -> None:
        for stream in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


_running: weakref.WeakSet[Process] = weakref.WeakSet()
_starting = threading.RLock()
"""Held from the first pipe to `_running`, and by a fork: no child has a pipe that it does not know of."""


@atexit.register
def _stop_all() -> None:
    for process in list(_running):
        process.stop()


def _after_fork() -> None:
    _starting.release()  # this thread's own, from before the fork
    for process in list(_running):
        process.abandon()
    _running.clear()


os.register_at_fork(before=_starting.acquire, after_in_parent=_starting.release, after_in_child=_after_fork)


def _drain(stream: IO[bytes], lines: collections.deque[str]) -> None:
    """Keep the last lines of a stream, each cut."""
    rest = b""
    with contextlib.suppress(ValueError, OSError):  # stopping the process closes the stream
        while chunk := stream.read(1 << 16):
            *whole, rest = (rest + chunk).split(b"\n")
            lines.extend(_line(line) for line in whole[-STDERR_LINES:])
            rest = rest[: 4 * LINE_CHARACTERS]
    if rest:
        lines.append(_line(rest))


def _line(data: bytes) -> str:
    return plain(data[: 4 * LINE_CHARACTERS].decode("utf-8", "replace"), limit=LINE_CHARACTERS)
