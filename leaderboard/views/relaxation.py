"""Relaxation: the largest force after each step, and the share of crystals with DFT's space group by precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from evaluation.definitions.relaxation import protocol, symmetry_column
from evaluation.outputs.relaxation import forces
from evaluation.record import Record
from leaderboard.charts.spec import DASHED, SOLID, Datasets, Spec, finish, line, rule, tooltips, x_axis, y_axis
from leaderboard.formatting import figure
from leaderboard.views.base import Column, Panel

_POINTS = 60
"""Of a line at most: the start, the end, and steps between them."""
_SMALLEST = 1e-4
"""eV/Å: smaller forces, as those of a perfect start, are drawn here."""
_LINES = {"reference": SOLID, "perturbed": DASHED}
"""Start → its line."""


class RelaxationView:
    """The view; a panel for the symmetry of all crystals, then one for each crystal with its two starts."""

    columns = (
        Column("rmsd", "RMSD", "", 4),
        Column("volume_error", "volume error", "%", 2),
        Column("lattice_error", "cell length error", "%", 2),
        Column("recovered_symprec", "space group found at", "Å", 5),
        Column("steps", "steps", "", 0),
        Column("floor", "smallest force reached", "eV/Å", 4),
        Column("uphill", "uphill", "meV/atom", 2),
    )
    caption = (
        "First: share of the relaxed crystals that have DFT's space group, against the symmetry precision (Å). Then "
        "each crystal: the largest force on an atom or on the cell (eV/Å, logarithmic) against the step, from the "
        "DFT geometry (solid) and from the distorted one (dashed), and how many steps either took. The horizontal "
        "line is the threshold."
    )

    def spec(self) -> Spec:
        """Lines over the datasets `reference` and `perturbed` (columns step, force), a rule over `threshold`."""
        import altair as alt

        x = x_axis("step:Q")
        y = y_axis("force:Q", ticks=4, labels="~g", type="log", nice=False)
        lines = (line(name, style).encode(x, y) for name, style in _LINES.items())
        return finish(alt.layer(rule("threshold").encode(y=y), *lines))

    def panels(self, records: Sequence[Record], rows: Sequence[Mapping[str, object]]) -> list[Panel]:
        """Symmetry first, then crystals by name."""
        by_crystal: dict[str, list[Mapping[str, object]]] = {}
        for row in sorted(rows, key=lambda row: str(row["sample"])):
            by_crystal.setdefault(str(row["crystal"]), []).append(row)
        by_sample = {record.sample: record for record in records}
        return [_symmetry(rows), *(_panel(name, found, by_sample) for name, found in by_crystal.items())]


def _symmetry(rows: Sequence[Mapping[str, object]]) -> Panel:
    kept: Datasets = {
        start: [
            {"symprec": symprec, "kept": round(share, 4)}
            for symprec in protocol().symprecs
            if (share := _share([row for row in rows if row["start"] == start], symprec)) is not None
        ]
        for start in protocol().starts
    }
    loose = _share(rows, protocol().reference_symprec)
    note = f"{figure(loose, 2)} at {protocol().reference_symprec:g} Å"
    drawn = any(kept.values())
    return Panel(
        title="Space group kept",
        mark=None,
        note=note,
        reason=None if drawn else "no crystal was relaxed",
        alt=f"Share of relaxed crystals with DFT's space group against precision: {note}",
        datasets=kept if drawn else None,
        spec=_symmetry_spec(),
    )


def _share(rows: Sequence[Mapping[str, object]], symprec: float) -> float | None:
    """Share of relaxed crystals with the reference's group; one whose symmetry search failed leaves it."""
    found = [change for row in rows if (change := row[symmetry_column(symprec)]) is not None]
    return sum(change == "match" for change in found) / len(found) if found else None


def _symmetry_spec() -> Spec:
    """Two lines over the datasets `reference` and `perturbed` (columns symprec, kept)."""
    import altair as alt

    x = x_axis("symprec:Q", ticks=4, labels="~g", type="log")
    y = y_axis("kept:Q", domain=[0, 1])
    told = tooltips(symprec=("precision (Å)", "Q"), kept=("share", "Q"))
    lines = (line(name, style, point=True).encode(x, y, tooltip=told) for name, style in _LINES.items())
    return finish(alt.layer(*lines))


def _panel(name: str, rows: Sequence[Mapping[str, object]], by_sample: Mapping[str, Record]) -> Panel:
    ok = [row for row in rows if row["status"] == "ok"]
    in_order = sorted(ok, key=lambda row: protocol().starts.index(row["start"]))
    steps = " / ".join(f"{cast(int, row['steps'])}{'' if row['converged'] else '+'}" for row in in_order)
    reason = None if ok else str(rows[0]["error"])
    return Panel(
        title=name,
        mark=None,
        note=f"{steps} steps" if ok else "",
        reason=reason,
        alt=f"Relaxation of {name}: {reason or f'{steps} steps'}",
        datasets=_datasets(ok, by_sample) if ok else None,
    )


def _datasets(rows: Sequence[Mapping[str, object]], by_sample: Mapping[str, Record]) -> Datasets:
    lines = {str(row["start"]): _line(forces(by_sample[str(row["sample"])])) for row in rows}
    return {
        **{start: lines.get(start, []) for start in protocol().starts},
        "threshold": [{"force": protocol().fmax}],
    }


def _line(trace: Sequence[float]) -> list[dict[str, float]]:
    shown = np.unique(np.linspace(0, len(trace) - 1, _POINTS).round().astype(int))
    return [{"step": int(step), "force": float(f"{max(trace[step], _SMALLEST):.3g}")} for step in shown]


VIEW = RelaxationView()
