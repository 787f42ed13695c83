"""Shards in a process of their own: `python -m evaluation.executors.child`, one ShardJob a line as JSON on its stdin.

It answers each with one line on stdout, an Ended (a file could not say so, on a full disk), and keeps its model for the
next one. After a shard that did not end well it ends. It ends with the process that started it: when its stdin is
closed, it is gone, and its model's worker after it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from contextlib import AbstractContextManager
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from evaluation.errors import EvaluationError
from evaluation.executors.job import Ended, Job, ShardJob
from evaluation.executors.work import Opens, ended_with, work
from zoo.errors import ZooError
from zoo.potential import Potential


def main(opens: Opens) -> int:
    """Run the shards that stdin names, and return the exit code."""
    answer = os.dup(1)
    os.dup2(2, 1)  # whatever else is printed is no answer
    asked = _Asked()
    with Kept(opens) as kept:
        while (line := asked.next()) is not None:
            one = ShardJob.model_validate_json(line)
            ended = Ended()
            try:
                _log_to(one)
                work(one.job, one.shard, kept)
            except (EvaluationError, ZooError) as error:
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
                ended = ended_with(error)
            except Exception as error:  # noqa: BLE001  # the process that waits must hear what it was
                traceback.print_exc()
                again = isinstance(error, (MemoryError, OSError))
                ended = Ended(error=f"{type(error).__name__}: {error}", again=again)
            os.write(answer, ended.model_dump_json().encode() + b"\n")
            if ended.error is not None:
                return 1
    return 0


def from_zoo(job: Job) -> AbstractContextManager[Potential]:
    """The potential of a job, by its name."""
    from zoo.loading import load

    return load(job.entry, device=job.device, threads=job.threads, say=lambda _: None)


class Kept:
    """Opens a job's model, and keeps it open while the job stays the same."""

    def __init__(self, opens: Opens) -> None:
        self._opens = opens
        self._job: Job | None = None
        self._held = contextlib.ExitStack()
        self._potential: Potential | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.__exit__(kind, error, trace)

    def __call__(self, job: Job) -> AbstractContextManager[Potential]:
        """The job's model, which stays open when the context ends."""
        if self._potential is None or self._job != job:
            self._held.close()
            self._potential = None
            self._potential = self._held.enter_context(self._opens(job))
            self._job = job
        return contextlib.nullcontext(self._potential)


class _Asked:
    """The lines of stdin."""

    def __init__(self) -> None:
        self._lines: SimpleQueue[bytes | None] = SimpleQueue()
        self._idle = threading.Event()
        self._ended = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def next(self) -> bytes | None:
        """The next one, None at the end. When the end comes while a line is worked on, the process ends at once."""
        self._idle.set()
        line = self._lines.get()
        self._idle.clear()
        if self._ended.is_set():
            return None
        return line

    def _read(self) -> None:
        rest = b""
        # not sys.stdin's buffer: its lock, held here, would stop the interpreter's end
        while more := os.read(0, 1 << 16):
            *lines, rest = (rest + more).split(b"\n")
            for line in lines:
                self._lines.put(line)
        self._ended.set()
        if not self._idle.is_set():
            _end_at_once()
        self._lines.put(None)


def _end_at_once() -> None:
    """What was stored is whole at any moment, so that nothing needs to be finished; a solver is ended as well."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _log_to(one: ShardJob) -> None:
    """From here on all that is printed goes to the shard's own log; where that cannot be written, where it went."""
    with contextlib.suppress(OSError), one.job.log_file(one.shard).open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)


if __name__ == "__main__":
    sys.exit(main(from_zoo))
