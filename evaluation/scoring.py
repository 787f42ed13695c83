"""Scoring: a task's scores from its figures per sample. What a model does not support leaves them, what it fails stays.

A model that knows 25 elements is not worse at the others, it says nothing about them: such samples are *unsupported*,
and a score says beside its value how many they are. A sample that the model should have done and did not is *failed*,
and costs what the metric says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evaluation.garbage import collection_paused
from evaluation.task import RanksSome

if TYPE_CHECKING:
    from evaluation.metric import Score
    from evaluation.record import Record
    from evaluation.task import Row, Task

UNSUPPORTED = "unsupported"


def scores_of(task: Task, records: Sequence[Record]) -> dict[str, Score]:
    """Scores by metric name of a task's records."""
    with collection_paused():
        rows = task.table(records)
    return scores(task, rows)


def supported(rows: Sequence[Row]) -> list[Row]:
    """The rows of samples that the model should have an answer for."""
    return [row for row in rows if row.get("status") != UNSUPPORTED]


def ranked(task: Task, rows: Sequence[Row]) -> list[Row]:
    """The rows that the headline is the average of; one of them without a number is a failure."""
    known = supported(rows)
    return task.ranked(known) if isinstance(task, RanksSome) else known


def scores(task: Task, rows: Sequence[Row]) -> dict[str, Score]:
    """Scores by metric name from `task.table`'s rows, each with how many unsupported samples it leaves out."""
    known = supported(rows)
    found = task.score(known)
    if len(known) == len(rows):
        return found
    # what a metric counts as missing among all samples, and does not among the supported, is unsupported
    among_all = task.score(rows)
    return {
        name: score.model_copy(update={"n_unsupported": among_all[name].n_missing - score.n_missing})
        for name, score in found.items()
    }
