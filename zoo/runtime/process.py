"""A worker's process: how it is started, with which environment variables, and how it ends."""

from __future__ import annotations

import atexit
import collections
import contextlib
import fcntl
import os
import signal
import subprocess
import threading
import weakref
from collections.abc import Mapping, Sequence
from typing import IO

from zoo.runtime import frames

STDERR_LINES = 25

# glibc gives every large batch's pages back and faults them in again, up to 5 ms per atom: keep them
KEEP_PAGES = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "99999999999",
    "MALLOC_TOP_PAD_": "268435456",
}
# NPROC is JAX's word for it
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NPROC")
_PIPE_BYTES = 1 << 20
_F_SETPIPE_SZ = 1031


def environment(*, threads: int | None) -> dict[str, str]:
    """The environment variables that a worker gets."""
    # what speaks of the host's own environment would only mislead another one
    mine = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "CONDA", "MPL"))}
    return {**mine, **KEEP_PAGES, **(dict.fromkeys(THREADS, str(threads)) if threads else {})}


class Process:
    """A child with a pipe each way, whose stderr is kept for the report of its end."""

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str]) -> None:
        self._popen = subprocess.Popen(  # our own worker file in an environment that we built
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=dict(environment),
            start_new_session=True,  # Ctrl-C in a terminal is the host's to handle
        )
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        assert self._popen.stderr is not None
        self.to = self._popen.stdin.fileno()
        self.back = self._popen.stdout.fileno()
        for fd in (self.to, self.back):
            with contextlib.suppress(OSError):  # only Linux can, and only up to a limit; it is a matter of speed
                fcntl.fcntl(fd, _F_SETPIPE_SZ, _PIPE_BYTES)
        self._lines: collections.deque[str] = collections.deque(maxlen=STDERR_LINES)
        self._reader = threading.Thread(target=_drain, args=(self._popen.stderr, self._lines), daemon=True)
        self._reader.start()
        _running.add(self)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            frames.write(self.to, {"op": "stop"})
        try:
            self._popen.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
        self._close()

    def kill(self) -> None:
        self._popen.kill()
        self._popen.wait()
        self._close()

    def end(self) -> str:
        """How it ended: `exit 1`, `signal SIGKILL`."""
        try:
            code = self._popen.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
            return "closed its pipe"
        self._close()
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit {code}"

    def stderr_tail(self) -> str:
        """The last lines of its stderr, as the end of an error message; empty when it wrote none."""
        self._reader.join(1)
        return "; the end of its stderr:\n  " + "\n  ".join(self._lines) if self._lines else ""

    def _close(self) -> None:
        _running.discard(self)
        self._reader.join(1)
        for stream in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


_running: weakref.WeakSet[Process] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    for process in list(_running):
        process.stop()


def _drain(stream: IO[bytes], lines: collections.deque[str]) -> None:
    with contextlib.suppress(ValueError, OSError):  # the stream is closed under us when the process is stopped
        for line in stream:
            lines.append(line.decode("utf-8", "replace").rstrip()[:500])
