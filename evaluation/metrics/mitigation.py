"""Mitigation: which step is recommended, and the scores of the task `ladder` from its rows.

A row is a crystal. Its column for a figure of a step is `<step>_<figure>`, None where the step was not reached there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from evaluation.metric import Metric, Score, average_score

Row = Mapping[str, object]

RESIDUALS = ("fc_asymmetry", "asr_violation", "space_group_residual", "degeneracy_splitting")
FULL_SET_STEP = "symmetric_all_displaced"
"""The step whose displacements hide nothing, at the geometry that has the crystal's symmetry."""
REDUCED_SET_STEP = "symmetric_plus_minus"
"""The step at the same geometry whose displacements are those that symmetry leaves over."""


def column(step: str, figure: str) -> str:
    """Name of a step's figure in a row."""
    return f"{step}_{figure}"


@dataclass(frozen=True)
class GoodEnough:
    """How far from the best step another may be: the larger of the two."""

    difference: float
    """THz."""
    share: float
    """Of the best step's error."""


@dataclass(frozen=True)
class Means:
    """Of one step, over the crystals that are compared."""

    cost: float
    error: float
    """THz."""


def means(rows: Sequence[Row], steps: Sequence[str], figure: str) -> dict[str, Means]:
    """Mean cost and mean of the error `figure` of every step that can be compared, and in the order of `steps`.

    The crystals are those for which the usual workflow has a cost; a step is compared that has both numbers for each
    of them, so that all means are over the same crystals. A step that is its own best has no error there: it is left
    out.
    """
    common = [row for row in rows if _number(row, column("usual", "cost")) is not None]
    found = {}
    for step in steps:
        pairs = [(_number(row, column(step, "cost")), _number(row, column(step, figure))) for row in common]
        if pairs and all(None not in pair for pair in pairs):
            cost, error = np.mean(np.array(pairs, dtype=float), axis=0)
            found[step] = Means(float(cost), float(error))
    return found


def recommended(rows: Sequence[Row], steps: Sequence[str], limits: GoodEnough) -> str | None:
    """The cheapest step that is as good as the best: mean error against the reference within `limits` of the least.

    Of equal costs it is the one that comes first. None where nothing can be compared.
    """
    of = means(rows, steps, "frequency_mae")
    if not of:
        return None
    best = min(mean.error for mean in of.values())
    allowed = best + max(limits.difference, limits.share * best)
    return min((step for step, mean in of.items() if mean.error <= allowed), key=lambda step: of[step].cost)


def front(of: Mapping[str, Means]) -> list[str]:
    """Steps that are better than all that cost no more (Pareto's front), from the cheapest to the best."""
    found: list[str] = []
    for step in sorted(of, key=lambda step: (of[step].cost, of[step].error)):
        if not found or of[step].error < of[found[-1]].error:
            found.append(step)
    return found


def cost(atom_calls: int, atoms: int, *, weight: float) -> float:
    """Force calls on a supercell of `atoms` that evaluate as many atoms, each `weight` times as long as the entry's."""
    return weight * atom_calls / atoms


def scores(rows: Sequence[Row], metrics: Sequence[Metric]) -> dict[str, Score]:
    """Scores by metric name; those against PBE over the crystals that have a reference."""
    compared = [row for row in rows if row["has_reference"]]
    against = {"remedied_mae", "remedied_cost", "raw_mae", "usual_mae", "usual_loss", "remedied_stable"}
    against |= {"remedied_dos_w1", "remedied_omega_max_mae"}
    found = {}
    for metric in metrics:
        name = metric.name.removesuffix("_mean")
        values = [_number(row, name) for row in (compared if name in against else rows)]
        found[metric.name] = average_score(values, metric)
    return found


def _number(row: Row, name: str) -> float | None:
    value = row[name]
    return None if value is None else float(cast(float, value))
