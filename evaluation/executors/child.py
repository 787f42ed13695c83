"""A shard in a process of its own: `python -m evaluation.executors.child`, the shard's job as JSON on its stdin.

Its last line on stdout says how it ended (a file could not, on a full disk). It ends with the process that started it:
when its stdin is closed, it is gone, and its model's worker after it.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import AbstractContextManager

from evaluation.errors import EvaluationError
from evaluation.executors.job import Job, ShardJob
from evaluation.executors.work import Opens, ended_with, work
from zoo.errors import ZooError
from zoo.potential import Potential


def main(opens: Opens) -> int:
    """Read the job, run its shard, and return the exit code."""
    answer = os.dup(1)
    os.dup2(2, 1)  # whatever else is printed is no answer
    asked = ShardJob.model_validate_json(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    failure: EvaluationError | ZooError | None = None
    try:
        work(asked.job, asked.shard, opens)
    except (EvaluationError, ZooError) as error:
        failure = error
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    os.write(answer, ended_with(failure).model_dump_json().encode())
    return 0 if failure is None else 1


def from_zoo(job: Job) -> AbstractContextManager[Potential]:
    """The potential of a job, by its name."""
    from zoo.loading import load

    return load(job.entry, device=job.device, threads=job.threads, say=lambda _: None)


def _end_with_parent() -> None:
    """What was stored is whole at any moment, so that nothing needs to be finished."""
    while os.read(0, 1 << 10):  # not sys.stdin's buffer: its lock, held here, would stop the interpreter's end
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(from_zoo))
