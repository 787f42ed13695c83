"""Scores of the orientation task, from the rows of its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from evaluation.metric import Metric, Score, average_score

_COLUMN = {
    "breaks": "control",
    "breaks_upright": "control_upright",
    "holds": "control",
    "holds_upright": "control_upright",
    "success": "answers",
}
"""Column of a metric whose name is not its own."""
_EXPECTED = {
    "breaks": "breaks",
    "breaks_upright": "breaks",
    "holds": "holds",
    "holds_upright": "holds",
    "group_agreement": "holds",
    "group_loose": "holds",
    "group_strict": "holds",
}
"""What crystals must do that count for a metric; all count for the others."""


def scores(rows: Sequence[Mapping[str, object]], metrics: Sequence[Metric]) -> dict[str, Score]:
    """Averages over crystals. What ranks counts all; another figure that an ok crystal cannot have is not missed.

    One atom has no optical modes.
    """
    found = {}
    for metric in metrics:
        asked = _EXPECTED.get(metric.name)
        column = _COLUMN.get(metric.name, metric.name.removesuffix("_mean"))
        values = [
            cast("float | None", row[column])
            for row in rows
            if asked in (None, row["expected"])
            and not (metric.average == "mean" and row["status"] == "ok" and row[column] is None)
        ]
        found[metric.name] = average_score(values, metric)
    return found
