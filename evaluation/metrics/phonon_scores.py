"""Phonon scores: what the rows of the phonons task amount to, and what each score means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from evaluation.metric import RESAMPLES, SEED, Metric, Score, mean_score

Row = Mapping[str, object]

METRICS = (
    Metric(
        name="frequency_mae",
        label="ω MAE",
        unit="THz",
        better="lower",
        best=0.0,
        doc="Mean absolute error of the frequencies over the reference's mesh and modes (paired by order), averaged "
        "over solids. A solid without phonons leaves the mean and is counted as missing.",
    ),
    Metric(
        name="omega_max_mae",
        label="ω max MAE",
        unit="THz",
        better="lower",
        best=0.0,
        doc="Absolute error of the highest frequency on the mesh, averaged over solids.",
    ),
    Metric(
        name="dos_w1",
        label="DOS distance",
        unit="THz",
        better="lower",
        best=0.0,
        doc="Wasserstein-1 distance between the densities of states: how far modes must move on average to turn "
        "one into the other, whatever their order.",
    ),
    Metric(
        name="heat_capacity_mae",
        label="C_V MAE",
        unit="J/K/mol",
        better="lower",
        best=0.0,
        doc="Error of the heat capacity at 300 K, per mole of atoms. Only solids whose model has no imaginary mode.",
    ),
    Metric(
        name="entropy_mae",
        label="S MAE",
        unit="J/K/mol",
        better="lower",
        best=0.0,
        doc="Error of the vibrational entropy at 300 K, per mole of atoms. Only solids without imaginary modes.",
    ),
    Metric(
        name="free_energy_mae_kj",
        label="F MAE",
        unit="kJ/mol",
        better="lower",
        best=0.0,
        doc="Error of the vibrational free energy at 300 K, zero-point energy included, per mole of atoms. Only solids "
        "without imaginary modes.",
    ),
    *(
        Metric(
            name=f"{prefix}{figure}",
            label=f"{label}{', strict' if prefix else ''}",
            unit="",
            better="higher",
            best=1.0,
            worst=0.0,
            on_failure="worst" if figure != "stability_precision" else "excluded",
            doc=f"{doc} A mode counts as imaginary below {limit} away from Γ.",
        )
        for prefix, limit in (("", "-0.05 THz"), ("strict_", "0 THz, as in Matbench Discovery,"))
        for figure, label, doc in (
            (
                "stability_f1",
                "stability F1",
                "F1 of the verdict 'dynamically stable' against PBE; no phonons is 'unstable'.",
            ),
            (
                "stability_precision",
                "stability precision",
                "Of the solids that the model calls stable, those that are.",
            ),
            (
                "stability_recall",
                "stability recall",
                "Of the solids that are stable in PBE, those that the model finds so.",
            ),
        )
    ),
    Metric(
        name="fc_asymmetry",
        label="Φ asymmetry",
        unit="",
        better="lower",
        best=0.0,
        doc="||Φ - Φᵀ||/||Φ|| of the full set: zero if the forces are the gradient of an energy that is smooth over "
        "the displacement. Twice the λ of the constraints.",
    ),
    Metric(
        name="asr_violation",
        label="sum rule",
        unit="eV/Å²",
        better="lower",
        best=0.0,
        doc="Largest net force per displacement, |Σ_j Φ_ij|, of the full set: zero if action equals reaction.",
    ),
    Metric(
        name="space_group_residual",
        label="Φ outside the group",
        unit="",
        better="lower",
        best=0.0,
        doc="||Φ - PΦ||/||Φ|| of the full set; P projects onto what the crystal's space group, permutation and the sum "
        "rules allow together.",
    ),
    Metric(
        name="degeneracy_splitting",
        label="splitting",
        unit="THz",
        better="lower",
        best=0.0,
        doc="Largest spread of modes that symmetry makes degenerate, at Γ and half-way points of the zone boundary, "
        "from the full set.",
    ),
    Metric(
        name="symmetry_tax",
        label="symmetry tax",
        unit="",
        better="lower",
        best=1.0,
        doc="Displacements that the relaxed crystal needs, over those that the reference's symmetry needs.",
    ),
    Metric(
        name="success",
        label="phonons",
        unit="",
        better="higher",
        best=1.0,
        worst=0.0,
        on_failure="worst",
        doc="Fraction of the crystals for which there are force constants.",
    ),
)


def scores(rows: Sequence[Row]) -> dict[str, Score]:
    """Scores by metric name from the task's rows; those against PBE over the crystals that have a reference."""
    metric = {m.name: m for m in METRICS}
    compared = [row for row in rows if row["omega_max_ref"] is not None]
    found = {
        name: mean_score(_numbers(compared, column), metric[name])
        for name, column in (
            ("frequency_mae", "frequency_mae"),
            ("omega_max_mae", "omega_max_error"),
            ("dos_w1", "dos_w1"),
            ("heat_capacity_mae", "heat_capacity_error"),
            ("entropy_mae", "entropy_error"),
            ("free_energy_mae_kj", "free_energy_error_kj"),
        )
    }
    for prefix in ("", "strict_"):
        found |= _verdicts(compared, prefix, metric)
    for name in ("fc_asymmetry", "asr_violation", "space_group_residual", "degeneracy_splitting", "symmetry_tax"):
        found[name] = mean_score(_numbers(rows, name), metric[name])
    found["success"] = mean_score([1.0 if row["status"] == "ok" else None for row in rows], metric["success"])
    return found


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
