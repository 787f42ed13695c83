"""Canaries: a model through the smallest subset of several tasks, each within a time limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from evaluation import task as tasks
from evaluation.errors import EvaluationError
from evaluation.harness.run import Evaluation
from evaluation.result import Result
from evaluation.submission.limits import CHEAP, SECONDS
from evaluation.submission.looked import Canary, Outcome
from zoo.errors import ZooError
from zoo.loading import load
from zoo.potential import Potential
from zoo.progress import Say
from zoo.text import one_line

if TYPE_CHECKING:
    from ase import Atoms

    from zoo.batch import Batch
    from zoo.model import Backend
    from zoo.runtime.request import Raw, Request


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


class _Limited:
    """A potential that answers until a time (`time.monotonic`), and then raises _Late; so do its other modes."""

    def __init__(self, potential: Potential, ends: float) -> None:
        self._potential, self._ends = potential, ends

    def compute(self, atoms: Sequence[Atoms] | Atoms, **options: bool) -> Batch:
        """As `Potential.compute`."""
        if time.monotonic() > self._ends:
            raise _Late
        return self._potential.compute(atoms, **options)

    def in_other_dtype(self) -> _Limited | None:
        """As `Potential.in_other_dtype`."""
        other = self._potential.in_other_dtype()
        return _Limited(other, self._ends) if other else None

    def in_other_head(self) -> _Limited | None:
        """As `Potential.in_other_head`."""
        other = self._potential.in_other_head()
        return _Limited(other, self._ends) if other else None

    def __enter__(self) -> _Limited:
        return self

    def __exit__(self, *_: object) -> None:
        self._potential.close()

    def __getattr__(self, name: str) -> object:
        return getattr(self._potential, name)


class _LimitedBackend:
    """What computes the batches, until a time; then it raises _Late."""

    def __init__(self, backend: Backend, ends: float) -> None:
        self._inner, self._ends = backend, ends

    def compute(self, request: Request) -> Raw:
        """As `Backend.compute`."""
        if time.monotonic() > self._ends:
            raise _Late
        return self._inner.compute(request)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


def _run(potential: Potential, name: str, *, seconds: float, runs: Path) -> Result:
    ends = time.monotonic() + seconds
    limited = cast("Potential", _Limited(potential, ends))
    # one call of a task may be hundreds of the model: the limit holds between those as well
    model = potential._model  # noqa: SLF001
    backend = model.backend
    model.backend = cast("Backend", _LimitedBackend(backend, ends))
    try:
        return Evaluation(
            limited, tasks.load(name), subset="canary", threads=1, runs=runs, results=runs / "results"
        ).run()
    finally:
        model.backend = backend
