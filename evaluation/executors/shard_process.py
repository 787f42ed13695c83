"""Shard process: a child that runs one shard after another, is watched, and ended when it does nothing any more."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from evaluation.executors.job import Ended, Job, ShardJob, read_state
from evaluation.harness.shard import Shard

CHILD = ("-m", "evaluation.executors.child")
"""What Python runs for shards."""
STALL_LIMIT = 7200.0
"""Seconds. The longest silence of a healthy shard is that of a batch (1,800 s at most) or of one solid's three-phonon
scattering (an hour on a slow core)."""
_LOOK_SECONDS = 0.5
_END_SECONDS = 20.0
"""For a child without a shard to end itself and its model."""


class ShardProcess:
    """Use it as a context manager. The child starts with the first shard and keeps its model from one to the next.

    program: the arguments of Python. variables: environment variables of the child beside those of this process.
    """

    def __init__(self, *, program: Sequence[str] = CHILD, variables: Mapping[str, str] | None = None) -> None:
        self.program = tuple(program)
        self.variables = dict(variables or {})
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self, job: Job, shard: Shard, *, stall_limit: float = STALL_LIMIT, stop: threading.Event | None = None
    ) -> Ended:
        """Run a shard. After any but a good end the next one gets a new child.

        stall_limit: seconds without an answer of the model or a stored chunk after which the child is ended. stop: ends
        it when it is set.
        """
        path = job.state_file(shard)
        try:
            path.unlink(missing_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            process = self._running(job, shard)
        except OSError as error:  # a disk that is full or closed, no memory for a process
            return Ended(error=f"it could not be started: {type(error).__name__}: {error}", again=False)
        asked = ShardJob(job=job, index=shard.index, count=shard.count)
        assert process.stdin is not None
        ended: Ended | None = None
        try:
            with contextlib.suppress(OSError):  # it has ended already; its exit code says so
                process.stdin.write(asked.model_dump_json().encode() + b"\n")
                process.stdin.flush()
            ended = _answer(process, job, shard, stall_limit=stall_limit, stop=stop)
        finally:
            if ended is None or ended.error is not None:
                self._end(seconds=0)
        return ended

    def close(self) -> None:
        """End the child; a shard that it runs is left as it is."""
        self._end(seconds=_END_SECONDS)

    def _running(self, job: Job, shard: Shard) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end(seconds=0)
        with job.log_file(shard).open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self.program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **self.variables},
                start_new_session=True,  # Ctrl-C in a terminal is this process's to handle
            )
        return self._process

    def _end(self, *, seconds: float) -> None:
        """Let the child end by itself for so long, then kill it."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        if seconds:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
        if process.poll() != 0:  # also after it was killed: what it started, a solver, may go on
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()


def _answer(
    process: subprocess.Popen[bytes], job: Job, shard: Shard, *, stall_limit: float, stop: threading.Event | None
) -> Ended:
    """Wait for the child's line, or its end, or the reason to end it."""
    assert process.stdout is not None
    told = b""
    silence = Silence(limit=stall_limit)
    while not told.endswith(b"\n"):
        code = process.poll()  # before the look: what it said until its end is there then
        if select.select([process.stdout], [], [], _LOOK_SECONDS)[0]:
            more = os.read(process.stdout.fileno(), 1 << 16)
            if not more:
                return _ended_with(process.wait())
            told += more
        elif code is not None:  # what it started may hold its end of the pipe
            return _ended_with(code)
        elif stop is not None and stop.is_set():
            return Ended(error="it was stopped", again=False)
        elif silence.too_long(read_state(job.state_file(shard))):
            silent = f"neither an answer of the model nor a stored chunk for {stall_limit:g} s: it was stopped"
            return Ended(error=silent)
    with contextlib.suppress(ValueError):
        return Ended.model_validate_json(told)
    return Ended(error=f"its process answered what is no answer: {told[:200]!r}")


def _ended_with(code: int) -> Ended:
    how = f"exit {code}"
    if code < 0:
        known = {each.value: each.name for each in signal.Signals}
        how = f"signal {known.get(-code, -code)}"
    return Ended(error=f"its process ended ({how})")


class Silence:
    """How long a shard's state has not changed, by this process's own clock."""

    def __init__(self, *, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit, self.clock = limit, clock
        self._seen: object = None
        self._since = clock()

    def too_long(self, state: object) -> bool:
        """Whether the state was this one for more than `limit` seconds."""
        if state != self._seen:
            self._seen, self._since = state, self.clock()
        return self.clock() - self._since > self.limit
