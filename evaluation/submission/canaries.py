"""Canaries: a model through the smallest subset of several tasks, each within a time limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from evaluation import task as tasks
from evaluation.errors import EvaluationError
from evaluation.harness.run import Evaluation, RunProgress
from evaluation.result import Result
from evaluation.submission.limits import CHEAP, SECONDS
from evaluation.submission.looked import Canary, Outcome
from zoo.errors import ZooError
from zoo.loading import load
from zoo.potential import Potential
from zoo.progress import Say
from zoo.text import one_line


class _Late(Exception):
    """The time limit has come."""


def canaries(
    name: str,
    *,
    names: Sequence[str] = CHEAP,
    seconds: float = SECONDS,
    runs: Path,
    say: Say = lambda _: None,
    opened: Callable[..., Potential] = load,
) -> list[Canary]:
    """Run one canary subset per task, in order. What the model or the harness does is in the answer, never raised.

    `runs`: folder of the records; the results are in `results` below it. `seconds`: limit of each task, and of each
    call of the model within it. `opened`: what loads the model.
    """
    found = []
    for each in names:
        say(f"canary of {each}")
        started = time.monotonic()
        outcome: Outcome = "stopped"
        result, message = None, ""
        try:
            with opened(name, device="cpu", threads=1, batch_time_limit=seconds) as potential:
                result = _run(potential, each, seconds=seconds, runs=runs)
            outcome = "failed" if result.run.counts.failed else "ran"
        except _Late:
            outcome, message = "late", f"not finished within {seconds:.0f} s"
        except (ZooError, EvaluationError) as error:
            message = one_line(f"{type(error).__name__}: {error}", limit=200)
        spent = round(time.monotonic() - started, 1)
        found.append(Canary(task=each, outcome=outcome, seconds=spent, result=result, message=message))
    return found


def _run(potential: Potential, name: str, *, seconds: float, runs: Path) -> Result:
    job = Evaluation(potential, tasks.load(name), subset="canary", threads=1, runs=runs, results=runs / "results")
    ends = time.monotonic() + seconds

    def watch(progress: RunProgress) -> None:
        if time.monotonic() > ends and progress.done < progress.total:
            raise _Late

    return job.run(watch)
