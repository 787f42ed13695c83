"""Phonon scores: what the rows of the phonons task amount to, and what each score means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from evaluation.metric import RESAMPLES, SEED, Metric, Score, average_score, mean_score

Row = Mapping[str, object]


def scores(rows: Sequence[Row], metrics: Sequence[Metric]) -> dict[str, Score]:
    """Scores by metric name from the task's rows; those against PBE over the crystals that have a reference."""
    metric = {m.name: m for m in metrics}
    with_reference = compared(rows)
    found = {
        name: average_score(_numbers(with_reference, column), metric[name])
        for name, column in (
            ("frequency_mae", "frequency_mae"),
            ("frequency_mae_mean", "frequency_mae"),
            ("frequency_mae_second", "frequency_mae_second"),
            ("omega_max_mae", "omega_max_error"),
            ("dos_w1", "dos_w1"),
            ("heat_capacity_mae", "heat_capacity_error"),
            ("entropy_mae", "entropy_error"),
            ("free_energy_mae_kj", "free_energy_error_kj"),
        )
    }
    for prefix in ("", "strict_"):
        found |= _verdicts(with_reference, prefix, metric)
    for name in ("frequency_change", "displacement_dependent"):
        found[name] = mean_score(_numbers(rows, name), metric[name])
    for name in ("fc_asymmetry", "asr_violation", "space_group_residual", "degeneracy_splitting", "symmetry_tax"):
        found[name] = mean_score(_numbers(rows, name), metric[name])
    found["success"] = mean_score([1.0 if row["status"] == "ok" else None for row in rows], metric["success"])
    return found


def compared[R: Row](rows: Sequence[R]) -> list[R]:
    """The rows of crystals that have a reference, failed ones included."""
    return [row for row in rows if row["omega_max_ref"] is not None]


def _verdicts(rows: Sequence[Row], prefix: str, metric: dict[str, Metric]) -> dict[str, Score]:
    """Scores of the verdict 'stable' against PBE's; a crystal without phonons has not been found stable."""
    pred = np.array([bool(row[f"{prefix}stable_pred"]) for row in rows], dtype=bool)
    ref = np.array([bool(row[f"{prefix}stable_ref"]) for row in rows], dtype=bool)
    missing = sum(row["status"] != "ok" for row in rows)
    names = {figure: f"{prefix}stability_{figure}" for figure in ("f1", "precision", "recall")}
    called = [float(r) for p, r in zip(pred, ref, strict=True) if p]
    true = [float(p) for p, r in zip(pred, ref, strict=True) if r]
    return {
        names["f1"]: f1_score(pred, ref, n_missing=missing),
        names["precision"]: mean_score(called, metric[names["precision"]]),
        names["recall"]: mean_score(true, metric[names["recall"]]),
    }


def f1_score(pred: NDArray[np.bool_], ref: NDArray[np.bool_], *, n_missing: int) -> Score:
    """F1 of verdicts (n,) with a bootstrap interval over samples; None where neither side says yes to any."""
    if not (pred | ref).any():
        return Score(value=None, n=0, n_missing=n_missing)
    rows = np.random.default_rng(SEED).integers(0, pred.size, size=(RESAMPLES, pred.size))
    hits, yes = (pred & ref)[rows].sum(axis=1), pred[rows].sum(axis=1) + ref[rows].sum(axis=1)
    low, high = np.percentile((2 * hits / np.maximum(yes, 1))[yes > 0], [2.5, 97.5])
    value = 2 * (pred & ref).sum() / (pred.sum() + ref.sum())
    return Score(value=float(value), n=pred.size, n_missing=n_missing, low=float(low), high=float(high))


def _numbers(rows: Sequence[Row], column: str) -> list[float | None]:
    """Absolute values of a column."""
    return [None if row[column] is None else abs(cast(float, row[column])) for row in rows]
