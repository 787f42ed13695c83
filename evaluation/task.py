"""Task: what every file in `evaluation/tasks` offers under the name TASK."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from evaluation.errors import UnknownTask
from evaluation.metric import Metric, Score
from evaluation.protocol import TaskProtocol
from evaluation.record import Record
from evaluation.subset import Subset

if TYPE_CHECKING:
    from ase import Atoms

    from zoo.batch import Computes

Row = dict[str, object]
"""One sample's figures, for tables and pictures: plain values, None where there is no number."""


@dataclass(frozen=True)
class Sample:
    """Something to run: a structure and its reference figures."""

    id: str
    atoms: Atoms
    subset: Subset
    """The smallest subset that it belongs to."""
    reference: dict[str, float] = field(default_factory=dict)
    dataset: str | None = None
    """The dataset that it is a frame of, where models may have been trained on that."""
    held_out: bool = False
    """Whether training on `dataset` leaves it out (`evaluation.reference.holdout`)."""


class Task(Protocol):
    """A potential in, records out; then records in, figures out, without any model."""

    name: str
    title: str
    metrics: tuple[Metric, ...]
    """The first one ranks: it is the average of the column of `table` that bears its name, over the supported samples,
    or those of them that `RanksSome` names."""
    reference_theory: str | None
    """Level of theory of the reference figures, in the words of training_sets.yaml; None where there are none to meet:
    symmetry and conservation are the same at every level."""
    protocol: TaskProtocol

    @property
    def dataset_sha256(self) -> str:
        """Hash of the reference data that stand behind the scores."""

    def samples(self, subset: Subset) -> list[Sample]:
        """Samples of a subset: canary first, then fast, then full, each tier in a fixed order."""

    def run(self, samples: Sequence[Sample], potential: Computes) -> list[Record]:
        """Run one chunk: one record per sample, in order. The model's failures are records; faults are raised."""

    def table(self, records: Sequence[Record]) -> list[Row]:
        """Figures per sample, sorted by sample, from records alone."""

    def score(self, rows: Sequence[Row]) -> dict[str, Score]:
        """Scores by metric name, from `table`'s rows."""


@runtime_checkable
class KeepsWork(Protocol):
    """A task whose single samples take so long that it keeps what it has, for a process that comes after it."""

    def run_in(self, folder: Path, samples: Sequence[Sample], potential: Computes) -> list[Record]:
        """As `Task.run`. `folder` belongs to one entry under one set of conditions, and outlives the process."""


@runtime_checkable
class Extends(Protocol):
    """A task whose protocol only adds to the records that its earlier versions made."""

    def extend(self, records: Sequence[Record], potential: Computes) -> list[Record]:
        """The records with what this version adds, in order; failed and unsupported ones stay as they are."""


@runtime_checkable
class RanksSome(Protocol):
    """A task whose first metric is about some of its samples alone: others without a number are no failures."""

    def ranked(self, rows: Sequence[Row]) -> list[Row]:
        """The rows of `table` that the first metric is about."""


@runtime_checkable
class KnowsTraining(Protocol):
    """A task some of whose samples are of data that models were trained on: their errors may be those of a fit."""

    def fitted(self, row: Row, training_sets: Collection[str]) -> bool:
        """Whether the sample is of data that a model of these training sets (of its card) was trained on."""


def column(rows: Sequence[Row], name: str) -> list[float | None]:
    """A column of `Task.table`; a yes counts as one."""
    return [None if row[name] is None else float(cast("float", row[name])) for row in rows]


def names() -> list[str]:
    """Names of all tasks: the files in `evaluation/tasks`."""
    folder = Path(__file__).with_name("tasks")
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


@cache
def load(name: str) -> Task:
    """The task of that name. Raises UnknownTask with close matches."""
    if name not in names():
        close = difflib.get_close_matches(name, names(), n=2, cutoff=0.4)
        meant = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise UnknownTask(f"no task named {name!r}.{meant} There are: {', '.join(names())}.")
    task: Task = importlib.import_module(f"evaluation.tasks.{name}").TASK
    return task
