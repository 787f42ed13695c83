"""Thermodynamic stability: whether a model finds the crystals on the convex hull, as Matbench Discovery counts.

Energies above the hull in eV/atom; a crystal is stable at or below zero. The hull is DFT's (MP2020-corrected) and stays
where it is: a prediction moves the crystal above it, e_above_hull_pred = e_above_hull_ref + e_form_pred - e_form_ref.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DIVERGED = 5.0
"""A formation energy that is further off than this (eV/atom) counts as no prediction, as in Matbench Discovery."""
MOST_STABLE = 10_000


@dataclass(frozen=True)
class Discovery:
    """What `matbench_discovery.metrics.stable_metrics` says, and what it does not."""

    scores: dict[str, float | None]
    """Under its names: F1, DAF, Precision, Recall, Accuracy, TPR, FPR, TNR, FNR, TP, FP, TN, FN, MAE, RMSE, R2; None
    where it divides by zero."""
    n: int
    """Crystals, those without a prediction included."""
    missing: int
    """Crystals without a prediction: they count as unstable, and leave MAE, RMSE and R2."""
    diverged: int
    """Of the missing, those whose prediction was further off than 5 eV/atom."""
    prevalence: float
    """Share of stable crystals, which a random pick would find."""


def above_hull(e_above_hull_ref: Array, e_form_ref: Array, e_form_pred: Array) -> Array:
    """Predicted energies above the hull (n,), eV/atom; NaN where there is no prediction or it has diverged."""
    error = np.asarray(e_form_pred, dtype=float) - np.asarray(e_form_ref, dtype=float)
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(error) <= DIVERGED, np.asarray(e_above_hull_ref, dtype=float) + error, np.nan)


def discovery(
    e_above_hull_ref: Array, e_form_ref: Array, e_form_pred: Array, *, prevalence: float | None = None
) -> Discovery:
    """Score formation energies (n,) against references without gaps; NaN is a prediction that does not exist.

    `prevalence` is what DAF = precision / prevalence is measured against, when it is not these crystals' own: that of
    the 10,000 most stable ones is all unique prototypes'.
    """
    from matbench_discovery.metrics import stable_metrics  # 8 s: it draws in plotly

    reference, form = np.asarray(e_above_hull_ref, dtype=float), np.asarray(e_form_ref, dtype=float)
    if not (reference.size and np.isfinite(reference).all() and np.isfinite(form).all()):
        raise ValueError("references must be finite numbers, and there must be one at least")
    given = np.isfinite(np.asarray(e_form_pred, dtype=float))
    pred = above_hull(reference, form, e_form_pred)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = stable_metrics(reference, pred)
    scores = {name: float(value) if np.isfinite(value) else None for name, value in found.items()}
    share = float((reference <= 0).mean())
    if prevalence is not None and (precision := scores["Precision"]) is not None:
        scores["DAF"] = precision / prevalence
    return Discovery(
        scores=scores,
        n=int(reference.size),
        missing=int(np.isnan(pred).sum()),
        diverged=int((given & np.isnan(pred)).sum()),
        prevalence=share if prevalence is None else prevalence,
    )


def most_stable(e_above_hull_pred: Array, n: int = MOST_STABLE) -> NDArray[np.int64]:
    """Indices of the n crystals that the model puts lowest; those without a prediction come last."""
    return np.argsort(np.asarray(e_above_hull_pred, dtype=float), kind="stable")[:n]
