"""Constraints of one entry: each claim of its card with the numbers that confirm or refute it, and λ by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from evaluation.definitions.constraints import METRICS, protocol
from evaluation.metric import Metric
from evaluation.metrics.constraints import DETECTORS, Detector, Verdict, verdicts
from evaluation.record import Record
from leaderboard.charts.spec import Datasets, Spec, finish, line, tooltips, x_axis, y_axis
from leaderboard.views.base import Check, Column, Judgement, Panel

if TYPE_CHECKING:
    from zoo.cards.card import Card
    from zoo.cards.mode import Mode

_CLAIMS = {
    "rotation": "Rotational equivariance",
    "inversion": "Inversion equivariance",
    "conservative": "Conservative forces: forces and stress are derivatives of the energy",
}
_UNITS = {metric.name: (metric.of_sample, metric.unit) for metric in METRICS} | {
    "stress_ratio": ("stress error, relative", "")
}


class ConstraintsView:
    """The view; a claim is judged at the worst crystal, against the rounding error of the mode's arithmetic.

    Grades are multiples of single precision's, in both.
    """

    columns = (
        Column("lambda", "force-constant asymmetry λ", "", 7),
        Column("lambda_extrapolated", "λ, extrapolated", "", 7),
        Column("lambda_phonon_scale", "λ at the scale of phonons", "", 4),
        Column("lambda_0_005", "λ at 0.005 Å", "", 4),
        Column("lambda_0_01", "λ at 0.01 Å", "", 4),
        Column("rotation_force", "rotation, F", "meV/Å", 4),
        Column("rotation_energy", "rotation, E", "meV/atom", 4),
        Column("rotation_stress", "rotation, stress", "GPa", 6),
        Column("rotation_ratio", "rotation, F / force", "", 6),
        Column("inversion_force", "inversion, F", "meV/Å", 4),
        Column("inversion_energy", "inversion, E", "meV/atom", 4),
        Column("inversion_stress", "inversion, stress", "GPa", 6),
        Column("gradient_error", "gradient error", "meV/Å", 4),
        Column("gradient_ratio", "…, relative", "", 6),
        Column("gradient_error_point", "…, central difference", "meV/Å", 3),
        Column("stress_error", "stress error", "GPa", 6),
        Column("loop_work", "loop work", "meV/Å", 4),
        Column("translation_random_force", "translation, F", "meV/Å", 4),
        Column("permutation_force", "permutation, F", "meV/Å", 4),
        Column("extensivity_force", "two cells, F", "meV/Å", 4),
        Column("repeat_force", "repeat, F", "meV/Å", 4),
        Column("batch_force", "alone or in a batch, F", "meV/Å", 4),
        Column("dtype_force", "other dtype, F", "meV/Å", 4),
        Column("roughness", "roughness", "", 3),
        Column("force_noise", "force noise", "meV/Å", 4),
        Column("nve_drift", "drift", "meV/atom/ps", 3),
    )
    caption = (
        "Force-constant asymmetry λ against the step of the finite differences (Å), both logarithmic: a true asymmetry "
        "does not depend on the step, noise falls with it, truncation error of an anharmonic or rough energy rises."
    )
    judging = (
        "Confirmed: within the threshold at every crystal measured; refuted: beyond it at the crystal named. "
        "Thresholds are the largest rounding errors of this entry's arithmetic; where it was measured in both, the "
        "claim is refuted if it is in one. Grades have one scale for both: A up to the largest rounding error of "
        "single precision, B up to 10 times, C up to 100 times, D up to 1000 times that, F beyond. A grade says how "
        "far the constraint is broken, not how much that affects properties."
    )

    def judgements(self, rows: Sequence[Mapping[str, object]], card: Card, mode: Mode) -> list[Judgement]:
        """One for each claim of the card."""
        claims = {
            "rotation": None if card.rotation is None else card.rotation == "exact",
            "inversion": None if card.inversion is None else card.inversion == "exact",
            "conservative": mode.forces == "conservative",
        }
        return [_judgement(each) for each in verdicts(rows, claims=claims, limits=protocol().thresholds[mode.dtype])]

    def ungraded(self, rows: Sequence[Mapping[str, object]]) -> list[Check]:
        """The task's other metrics, which have no rounding threshold."""
        judged = {name for names in DETECTORS.values() for name in names}
        return [
            _worst(rows, metric)
            for metric in METRICS
            if metric.name not in judged and metric.best == 0 and any(metric.name in row for row in rows)
        ]

    def spec(self) -> Spec:
        """A line with points over the dataset `steps` (columns h, l)."""
        x = x_axis("h:Q", labels="~e", type="log")
        y = y_axis("l:Q", labels="~e", type="log")
        told = tooltips(h=("step (Å)", "Q", "~e"), l=("λ", "Q", ".2e"))
        return finish(line("steps", point=True).encode(x, y, tooltip=told))

    def panels(self, records: Sequence[Record], rows: Sequence[Mapping[str, object]]) -> list[Panel]:
        """One panel per crystal, in the order of the rows."""
        by_sample = {record.sample: record for record in records}
        return [_panel(by_sample[str(row["sample"])], row) for row in rows]


def _judgement(verdict: Verdict) -> Judgement:
    return Judgement(
        name=verdict.claim,
        claim=_CLAIMS[verdict.claim],
        claimed=verdict.claimed,
        status=verdict.status,
        false_label=verdict.false_label,
        checks=tuple(_check(detector) for detector in verdict.detectors),
    )


def _check(detector: Detector) -> Check:
    label, unit = _UNITS[detector.name]
    scale = protocol().thresholds["float32"][detector.name]
    return Check(label, detector.value, unit, detector.sample, detector.threshold, scale)


def _worst(rows: Sequence[Mapping[str, object]], metric: Metric) -> Check:
    found = [
        (abs(cast(float, row[metric.name])), str(row["sample"])) for row in rows if row.get(metric.name) is not None
    ]
    value, sample = max(found, default=(None, None))
    return Check(metric.of_sample, value, metric.unit, sample)


def _panel(record: Record, row: Mapping[str, object]) -> Panel:
    value = cast("float | None", row["lambda"])
    reason = None if value is not None else str(row["error"] or "not measured")
    note = "" if value is None else f"λ {value:.1e}"
    return Panel(
        title=record.sample,
        mark=None,
        note=note,
        reason=reason,
        alt=f"λ of {record.sample} by step: {reason or note}",
        datasets=_datasets(record) if value is not None else None,
    )


def _datasets(record: Record) -> Datasets:
    """Steps with a λ: a logarithmic axis has no place for zero."""
    raw = cast("dict[str, list[float]]", record.outputs["jacobian"])
    found = zip(raw["steps"], raw["antisymmetric_norms"], raw["norms"], strict=True)
    return {"steps": [{"h": h, "l": float(f"{a / n:.3g}")} for h, a, n in found if a and n]}


VIEW = ConstraintsView()
