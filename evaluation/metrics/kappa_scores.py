"""Conductivity scores: what the rows of the kappa task amount to, and what each score means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from evaluation.metric import Metric, Score, mean_score

Row = Mapping[str, object]

SHARES = ("underestimated", "blow_up", "collapse", "imaginary", "symmetry_lost")


def scores(solids: Sequence[Row], metrics: Sequence[Metric]) -> dict[str, Score]:
    """Scores by metric name from the task's rows of solids that have a reference."""
    metric = {m.name: m for m in metrics}
    found = {name: mean_score(_column(solids, name), metric[name]) for name in ("srme", "sre", *SHARES)}
    measured = [row for row in solids if row["kappa_pred"] is not None]
    found["srme_measured"] = mean_score(_column(measured, "srme"), metric["srme_measured"])
    found["success"] = mean_score([None if row["kappa_pred"] is None else 1.0 for row in solids], metric["success"])
    return found


def _column(rows: Sequence[Row], name: str) -> list[float | None]:
    return [cast("float | None", row[name]) for row in rows]
