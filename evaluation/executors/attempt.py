"""Attempt: a shard in a child process that is watched, and ended when it does nothing any more."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from evaluation.executors.job import Ended, Job, ShardJob, read_state
from evaluation.harness.shard import Shard

CHILD = ("-m", "evaluation.executors.child")
"""What Python runs for a shard."""
STALL_LIMIT = 7200.0
"""Seconds. The longest silence of a healthy shard is that of a batch (1,800 s at most) or of one solid's three-phonon
scattering (an hour on a slow core)."""
_LOOK_SECONDS = 0.5


def attempt(
    job: Job,
    shard: Shard,
    *,
    program: Sequence[str] = CHILD,
    variables: Mapping[str, str] | None = None,
    stall_limit: float = STALL_LIMIT,
    stop: threading.Event | None = None,
) -> Ended:
    """Run a shard in a child of this process.

    program: the arguments of Python. variables: environment variables of the child beside those of this process.
    stall_limit: seconds without an answer of the model or a stored chunk after which the child is ended. stop: ends it
    when it is set.
    """
    path = job.state_file(shard)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, **(variables or {})},
            start_new_session=True,  # Ctrl-C in a terminal is this process's to handle
        )
    asked = ShardJob(job=job, index=shard.index, count=shard.count)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with contextlib.suppress(OSError):  # it has ended already; its exit code says so
            process.stdin.write(asked.model_dump_json().encode() + b"\n")
            process.stdin.flush()
        stopped = _watch(process, job, shard, stall_limit=stall_limit, stop=stop)
    finally:
        _kill(process)
        told = process.stdout.read()
        process.stdout.close()
        with contextlib.suppress(OSError):
            process.stdin.close()
    return stopped or _ended(process.returncode, told)


def _watch(
    process: subprocess.Popen[bytes], job: Job, shard: Shard, *, stall_limit: float, stop: threading.Event | None
) -> Ended | None:
    """Wait for the end; what was ended from here, and why, else None."""
    silence = Silence(limit=stall_limit)
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_SECONDS)
            return None
        if stop is not None and stop.is_set():
            return Ended(error="it was stopped", again=False)
        if silence.too_long(read_state(job.state_file(shard))):
            silent = f"neither an answer of the model nor a stored chunk for {stall_limit:g} s: it was stopped"
            return Ended(error=silent)


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


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _ended(code: int, told: bytes) -> Ended:
    with contextlib.suppress(ValueError):
        return Ended.model_validate_json(told)
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
    return Ended(error=f"its process ended ({how})")
