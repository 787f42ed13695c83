"""Looked: what was looked at in a submission, as data: one lane writes it, another makes the report of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from evaluation import task as tasks
from evaluation.metric import Metric, Score
from evaluation.result import Result
from zoo.checks.finding import Conformance
from zoo.files import read_ordinary, write_json
from zoo.strict import Strict

_LARGEST = 5_000_000
"""Bytes of a file that is read back; one with five canaries has 30,000."""
Outcome = Literal["ran", "failed", "late", "stopped"]
"""`failed`: a sample has no answer. `late`: the time limit came first. `stopped`: no result, for another reason."""


class Canary(Strict):
    """What one task's smallest subset made of the model."""

    task: str
    outcome: Outcome
    seconds: float
    result: Result | None = None
    message: str = ""

    @property
    def headline(self) -> tuple[Metric, Score] | None:
        """The score that ranks; None without a result."""
        metric = tasks.load(self.task).metrics[0]
        score = self.result.scores.get(metric.name) if self.result else None
        return (metric, score) if score else None

    def __str__(self) -> str:
        if self.result is None:
            return f"{self.task}: {self.message}"
        counts = self.result.run.counts
        text = f"{self.task}: {counts.ok} ok, {counts.failed} failed, {counts.unsupported} unsupported"
        if self.headline is None or self.headline[1].value is None:
            return text
        metric, score = self.headline
        return f"{text}; {metric.label} {score.value:.4g} {metric.unit}".rstrip()


class Looked(Strict):
    """One look at one submission."""

    name: str
    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}(-dirty)?$")] | None
    lines: Annotated[tuple[tuple[Literal["right", "wrong", "missing"], str], ...], Field(max_length=200)]
    to_do: Annotated[tuple[str, ...], Field(max_length=200)]
    conformance: Conformance | None = None
    """None where the model did not load, or was not asked to."""
    canaries: Annotated[tuple[Canary, ...], Field(max_length=50)] = ()

    def write(self, path: Path) -> None:
        """Write it whole, as sorted JSON."""
        write_json(path, self.model_dump(mode="json"))


def read(path: Path) -> Looked:
    """Read what a lane wrote. Raises ValidationError (pydantic), OSError."""
    return Looked.model_validate_json(read_ordinary(path, limit=_LARGEST))
