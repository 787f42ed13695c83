"""Thermal conductivity of every solid against DFT's, by crystal structure; then of each solid, by mode frequency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from evaluation.definitions.kappa import protocol
from evaluation.outputs.kappa import modes_of
from evaluation.record import Record
from evaluation.reference.phonondb import STRUCTURES, references
from leaderboard.charts.parity import diagonal, four_digits, parity
from leaderboard.charts.spec import (
    DASHED_REFERENCE,
    PANEL_HEIGHT,
    SOLID,
    Datasets,
    Spec,
    finish,
    line,
    tooltips,
    x_axis,
    y_axis,
)
from leaderboard.formatting import figure
from leaderboard.views.base import Column, Panel

_MARGIN = 1.3
"""The diagonal reaches so much further than the outermost solids."""
_STEPS = 48
"""Frequencies at which the modes' conductivity is summed up."""


class KappaView:
    """The view."""

    columns = (
        Column("srme", "SRME", "", 3),
        Column("srd", "SRD", "", 3),
        Column("kappa_pred", "κ", "W/(m·K)", 2),
        Column("kappa_ref", "κ, reference", "W/(m·K)", 2),
        Column("coherence_share", "share of tunnelling", "", 3),
        Column("lowest_frequency", "lowest frequency", "THz", 2),
    )
    caption = (
        "Thermal conductivity of the model against DFT's, W/(m·K) at 300 K, logarithmic on both axes; a point is a "
        "solid, and the larger the point, the larger its SRME (0 to 2). Dashed line: equal. Solids without a "
        "conductivity are only in the table. Then each solid: cumulative conductivity of its modes up to a frequency "
        "(THz), W/(m·K); solid the model, dashed DFT."
    )

    def spec(self) -> Spec:
        """Two layers over the datasets `equal` (columns ref, pred) and `solids` (and srme, solid)."""
        import altair as alt

        told = tooltips(
            solid=("solid", "N"),
            pred=("κ (W/(m·K))", "Q"),
            ref=("κ, reference (W/(m·K))", "Q"),
            srme=("SRME", "Q"),
        )
        size = alt.Size("srme:Q").scale(domain=[0, 2], range=[12, 90]).legend(None)
        return parity("solids", told, height=PANEL_HEIGHT, logarithmic=True, size=size)

    def panels(self, records: Sequence[Record], rows: Sequence[Mapping[str, object]]) -> list[Panel]:
        """One panel for each structure that is among the rows, one for each solid that has a conductivity."""
        by_structure = {name: [row for row in rows if row["structure"] == name] for name in STRUCTURES.values()}
        found = [_panel(name, found) for name, found in by_structure.items() if found]
        figures = {str(row["sample"]): row for row in rows}
        whole = [record for record in sorted(records, key=lambda record: record.sample) if modes_of(record)]
        return found + [_by_mode(record, figures[record.sample]) for record in whole]


def _panel(structure: str, rows: Sequence[Mapping[str, object]]) -> Panel:
    drawn = [row for row in rows if cast(float, row["kappa_pred"] or 0) > 0]
    srme = [cast(float, row["srme"]) for row in drawn]
    mean = sum(srme) / len(srme) if srme else None
    counted = f"{len(drawn)} of {len(rows)} solids"
    note = f"{counted}, SRME {figure(mean, 2)}"
    return Panel(
        title=structure,
        mark=None,
        note=note,
        reason=None if drawn else "no solid has a conductivity",
        alt=f"Thermal conductivities of {structure} against DFT's: {note} where there is one",
        datasets=_datasets(drawn) if drawn else None,
    )


def _datasets(rows: Sequence[Mapping[str, object]]) -> Datasets:
    solids: list[dict[str, float | str]] = [
        {
            "solid": str(row["sample"]).partition("-")[0],
            "ref": four_digits(row["kappa_ref"]),
            "pred": four_digits(row["kappa_pred"]),
            "srme": round(cast(float, row["srme"]), 3),
        }
        for row in rows
    ]
    return {"solids": solids, "equal": diagonal(solids, margin=_MARGIN)}


def _by_mode(record: Record, row: Mapping[str, object]) -> Panel:
    modes = modes_of(record)
    assert modes is not None
    reference = None if record.sample == protocol().canary.name else references()[record.sample]
    highest = [modes.frequencies.max(), *(() if reference is None else (reference.spectrum.frequencies.max(),))]
    grid = np.linspace(0, max(highest), _STEPS)
    srme = cast("float | None", row["srme"])
    says = f"κ {figure(modes.kappa, 1)}" + ("" if reference is None else f" of {figure(reference.kappa, 1)}")
    note = says if srme is None else f"{says}, SRME {figure(srme, 2)}"
    return Panel(
        title=record.sample,
        mark=None,
        note=note,
        reason=None,
        alt=f"Thermal conductivity of {record.sample} by the frequency of its modes: {note}",
        datasets={
            "model": _summed(modes.frequencies, modes.mode_kappa, modes.weights, grid),
            "reference": []
            if reference is None
            else _summed(reference.spectrum.frequencies, reference.mode_kappa, reference.spectrum.weights, grid),
        },
        spec=_by_mode_spec(),
    )


def _summed(
    frequencies: np.ndarray, kappa: np.ndarray, weights: np.ndarray, grid: np.ndarray
) -> list[dict[str, float]]:
    """Conductivity of the modes up to each frequency of the grid, from arrays (q, b)."""
    order = np.argsort(frequencies, axis=None)
    together = np.concatenate([[0.0], np.cumsum(kappa.ravel()[order]) / weights.sum()])
    up_to = np.searchsorted(frequencies.ravel()[order], grid, side="right")
    return [
        {"w": round(w, 3), "k": four_digits(k)} for w, k in zip(grid.tolist(), together[up_to].tolist(), strict=True)
    ]


def _by_mode_spec() -> Spec:
    """Two lines over the datasets `model` and `reference` (columns w, k)."""
    import altair as alt

    x, y = x_axis("w:Q"), y_axis("k:Q")
    lines = (
        line(name, style, interpolate="step-after").encode(x, y)
        for name, style in (("reference", DASHED_REFERENCE), ("model", SOLID))
    )
    return finish(alt.layer(*lines))


VIEW = KappaView()
