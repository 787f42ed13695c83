"""Conductivity scores: what the rows of the kappa task amount to, and what each score means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from evaluation.metric import Metric, Score, mean_score
from evaluation.metrics.kappa import WORST

Row = Mapping[str, object]

METRICS = (
    Metric(
        name="srme",
        label="SRME",
        unit="",
        better="lower",
        best=0.0,
        worst=WORST,
        on_failure="worst",
        doc="Symmetric relative mean error of the conductivity, mode by mode, averaged over solids. A solid that "
        "fails, has imaginary modes or loses its space group counts as 2.",
    ),
    Metric(
        name="srme_measured",
        label="SRME, where κ exists",
        unit="",
        better="lower",
        best=0.0,
        worst=WORST,
        doc="SRME averaged over the solids that have a conductivity.",
    ),
    Metric(
        name="sre",
        label="SRE",
        unit="",
        better="lower",
        best=0.0,
        worst=WORST,
        on_failure="worst",
        doc="Symmetric relative error of the total conductivity, |SRD|, averaged over solids; 2 where there is none. "
        "Modes' errors can cancel in it.",
    ),
    Metric(
        name="underestimated",
        label="κ too low",
        unit="",
        better="lower",
        best=0.0,
        worst=1.0,
        doc="Share of the solids with a conductivity whose SRD is negative: the model conducts worse than DFT. One "
        "half would be no bias.",
    ),
    Metric(
        name="blow_up",
        label="blow-up",
        unit="",
        better="lower",
        best=0.0,
        worst=1.0,
        doc="Share of the solids with a conductivity for which it is above ten times the reference.",
    ),
    Metric(
        name="collapse",
        label="collapse",
        unit="",
        better="lower",
        best=0.0,
        worst=1.0,
        doc="Share of the solids with a conductivity for which it is below a tenth of the reference.",
    ),
    Metric(
        name="imaginary",
        label="imaginary modes",
        unit="",
        better="lower",
        best=0.0,
        worst=1.0,
        doc="Share of the solids that kept their space group and have imaginary modes; all of the reference have none.",
    ),
    Metric(
        name="symmetry_lost",
        label="space group lost",
        unit="",
        better="lower",
        best=0.0,
        worst=1.0,
        doc="Share of the relaxed solids whose space group is not the reference's.",
    ),
    Metric(
        name="success",
        label="success",
        unit="",
        better="higher",
        best=1.0,
        worst=0.0,
        on_failure="worst",
        doc="Share of the solids that have a conductivity.",
    ),
)
SHARES = ("underestimated", "blow_up", "collapse", "imaginary", "symmetry_lost")


def scores(solids: Sequence[Row]) -> dict[str, Score]:
    """Scores by metric name from the task's rows of solids that have a reference."""
    metric = {m.name: m for m in METRICS}
    found = {name: mean_score(_column(solids, name), metric[name]) for name in ("srme", "sre", *SHARES)}
    measured = [row for row in solids if row["kappa_pred"] is not None]
    found["srme_measured"] = mean_score(_column(measured, "srme"), metric["srme_measured"])
    found["success"] = mean_score([None if row["kappa_pred"] is None else 1.0 for row in solids], metric["success"])
    return found


def _column(rows: Sequence[Row], name: str) -> list[float | None]:
    return [cast("float | None", row[name]) for row in rows]
