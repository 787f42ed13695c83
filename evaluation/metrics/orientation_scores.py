"""Scores of the orientation task, from the rows of its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from evaluation.metric import Metric, Score, mean_score


def _spread(name: str, label: str, unit: str, doc: str) -> Metric:
    return Metric(name=name, label=label, unit=unit, better="lower", best=0.0, doc=doc)


def _share(name: str, label: str, doc: str) -> Metric:
    return Metric(name=name, label=label, unit="", better="higher", best=1.0, worst=0.0, doc=doc)


METRICS = (
    _spread(
        "frequency_spread",
        "ω spread",
        "THz",
        "RMS distance of frequencies from their mean over the orientations, over all modes at q points that fit into "
        "the supercell, paired by order; acoustic modes at Γ left out.",
    ),
    _spread("omega_max_spread", "ω max spread", "THz", "Likewise of the highest frequency."),
    _spread("gamma_spread", "ω(Γ) spread", "THz", "Likewise of the optical modes at Γ; of compounds and silicon."),
    _spread("energy_spread", "E spread", "meV/atom", "Likewise of the energy of the relaxed crystal."),
    _spread("volume_spread", "V spread", "%", "Likewise of its volume, in percent of the mean."),
    _share(
        "verdict_agreement",
        "verdict as upright",
        "Share of the turned runs that find imaginary modes if the upright one does, none if it does not, and fail if "
        "it fails.",
    ),
    _share(
        "group_agreement",
        "group as upright",
        "Share of the turned runs that end in the upright one's space group, at 0.01 Å; of crystals that must hold, "
        "since the others have theirs kept.",
    ),
    _share(
        "group_loose",
        "group kept",
        "Share of the runs that end in the known space group at 0.01 Å, from the perfect start; of crystals that must "
        "hold.",
    ),
    _share("group_strict", "group kept, 1e-5 Å", "Likewise at 0.00001 Å."),
    _share(
        "breaks",
        "breaks",
        "Of crystals that must break, share of the orientations where the symmetric structure has an imaginary mode "
        "and a distorted one leaves it, downhill. A crystal that failed counts as none.",
    ),
    _share(
        "breaks_upright",
        "breaks, upright",
        "Likewise in the upright orientation alone: what is missing here is missing in the model's physics.",
    ),
    _share(
        "holds",
        "holds",
        "Of crystals that must hold, share of the orientations where the space group is kept, no mode is imaginary, "
        "and a distorted structure comes back. A crystal that failed counts as none.",
    ),
    _share("holds_upright", "holds, upright", "Likewise in the upright orientation alone."),
    _share("converged", "converged", "Share of the relaxations from the perfect start that converged."),
    Metric(
        name="success",
        label="orientations",
        unit="",
        better="higher",
        best=1.0,
        worst=0.0,
        on_failure="worst",
        doc="Share of the orientations that the model has an answer for.",
    ),
)

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


def scores(rows: Sequence[Mapping[str, object]]) -> dict[str, Score]:
    """Means over crystals. A figure that an ok crystal cannot have (one atom has no optical modes) is not missed."""
    found = {}
    for metric in METRICS:
        asked = _EXPECTED.get(metric.name)
        column = _COLUMN.get(metric.name, metric.name)
        values = [
            cast("float | None", row[column])
            for row in rows
            if asked in (None, row["expected"]) and not (row["status"] == "ok" and row[column] is None)
        ]
        found[metric.name] = mean_score(values, metric)
    return found
