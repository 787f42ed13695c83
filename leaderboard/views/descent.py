"""Descent: the energy of each crystal against the step by every optimiser, and the smallest forces reached by all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from evaluation.definitions.descent import OPTIMIZERS, protocol
from evaluation.outputs.descent import conservative, descents, energies_of
from evaluation.record import Record
from leaderboard.charts.spec import DASHED, REFERENCE, SOLID, Datasets, Spec, finish, line, rule, x_axis, y_axis
from leaderboard.formatting import figure
from leaderboard.views.base import Column, Panel

_POINTS = 60
"""Of a line at most: the start, the end, and steps between them."""
_SMALLEST = 0.01
"""meV/atom: energies that are closer to the lowest one are drawn here."""
_LINES = {"conservative": REFERENCE, "fire": SOLID, "lbfgs": DASHED}


class DescentView:
    """The view; a panel for the force floors of all crystals, then one for each crystal's descents."""

    columns = (
        Column("converged", "converged", "", 1),
        Column("floor_fire", "floor, FIRE", "meV/Å", 3),
        Column("floor_lbfgs", "floor, L-BFGS", "meV/Å", 3),
        Column("steps_fire", "steps, FIRE", "", 0),
        Column("steps_lbfgs", "steps, L-BFGS", "", 0),
        Column("limit_cycle", "limit cycles", "", 1),
        Column("broke_off", "broke off", "", 1),
        Column("uphill_fire", "uphill, FIRE", "meV/atom", 3),
        Column("uphill_lbfgs", "uphill, L-BFGS", "meV/atom", 3),
        Column("energy_spread", "energy spread", "meV/atom", 4),
        Column("volume_spread", "volume spread", "%", 4),
        Column("gradient_gap", "gradient gap", "meV/Å", 2),
        Column("stress_gap", "stress gap", "GPa", 3),
        Column("excess_energy", "excess energy", "meV/atom", 3),
    )
    caption = (
        "First: the share of the crystals against the force floor, the smallest force reached (meV/Å, logarithmic), "
        "by FIRE (solid) and by L-BFGS (dashed); the vertical line is the threshold. Then each crystal: the energy "
        "above the lowest that was seen (meV/atom, logarithmic) against the step; grey is the descent by the "
        "conservative head, where the mode's forces are direct, above the lowest of its own energies."
    )

    def spec(self) -> Spec:
        """Lines over the datasets `fire`, `lbfgs` and `conservative` (columns step, energy)."""
        import altair as alt

        x = x_axis("step:Q")
        y = y_axis("energy:Q", ticks=4, labels="~g", type="log", nice=False)
        return finish(alt.layer(*(line(name, style).encode(x, y) for name, style in _LINES.items())))

    def panels(self, records: Sequence[Record], rows: Sequence[Mapping[str, object]]) -> list[Panel]:
        """Floors first, then crystals by name."""
        by_sample = {record.sample: record for record in records}
        ordered = sorted(rows, key=lambda row: str(row["sample"]))
        return [_floors(ordered), *(_panel(row, by_sample[str(row["sample"])]) for row in ordered)]


def _floors(rows: Sequence[Mapping[str, object]]) -> Panel:
    """The share counts a crystal without a descent as one that reached no floor."""
    curves: Datasets = {
        key: [
            {"floor": float(f"{floor:.3g}"), "share": round((place + 1) / len(rows), 4)}
            for place, floor in enumerate(
                sorted(cast(float, row[f"floor_{key}"]) for row in rows if row[f"floor_{key}"] is not None)
            )
            if floor > 0
        ]
        for key in protocol().optimizers
    }
    drawn = any(curves.values())
    shares = (
        f"{OPTIMIZERS[key]} {figure(sum(bool(row[f'converged_{key}']) for row in rows) / len(rows), 2)}"
        for key in (protocol().optimizers if drawn else ())
    )
    note = ", ".join(shares)
    return Panel(
        title="Force floors",
        mark=None,
        note=f"converged: {note}" if drawn else "",
        reason=None if drawn else "no descent began",
        alt=f"Share of crystals whose forces fell below a floor; converged: {note}",
        datasets={**curves, "threshold": [{"floor": protocol().fmax * 1000}]} if drawn else None,
        spec=_floors_spec(),
    )


def _floors_spec() -> Spec:
    """Steps over the datasets `fire` and `lbfgs` (columns floor, share), a rule at `threshold`."""
    import altair as alt

    x = x_axis("floor:Q", ticks=4, labels="~g", type="log", nice=False)
    y = y_axis("share:Q", domain=[0, 1])
    lines = [line(key, _LINES[key], interpolate="step-after", point=True).encode(x, y) for key in protocol().optimizers]
    return finish(alt.layer(rule("threshold").encode(x=x), *lines), 130)


def _panel(row: Mapping[str, object], record: Record) -> Panel:
    name, reason = record.sample, None if record.status == "ok" else str(row["error"])
    outcomes = [] if reason else [f"{OPTIMIZERS[key]} {_outcome(row, key)}" for key in protocol().optimizers]
    note = ", ".join(outcomes)
    return Panel(
        title=name,
        mark="limit cycle" if row["limit_cycle"] else None,
        note=note,
        reason=reason,
        alt=f"Energy against step of {name}: {reason or note}",
        datasets=None if reason else _datasets(record),
    )


def _outcome(row: Mapping[str, object], key: str) -> str:
    steps = cast("int | None", row[f"steps_{key}"])
    if row[f"error_{key}"] is not None:
        return "did not begin" if steps is None else f"broke off after {steps}"
    return f"{steps}{'' if row[f'converged_{key}'] else '+'} steps"


def _datasets(record: Record) -> Datasets:
    n = len(cast("list[int]", record.outputs["numbers"]))
    ways = {key: energies_of(way) for key, way in descents(record).items()}
    lowest = min(min(energies) for energies in ways.values() if energies)
    beside = conservative(record)
    other = [] if beside is None else energies_of(beside)
    return {
        **{key: _line(energies, lowest, n) for key, energies in ways.items()},
        "conservative": _line(other, min(other), n) if other else [],
    }


def _line(energies: Sequence[float], lowest: float, n: int) -> list[dict[str, float]]:
    if not energies:
        return []
    shown = np.unique(np.linspace(0, len(energies) - 1, _POINTS).round().astype(int))
    above = {int(step): (energies[step] - lowest) / n * 1000 for step in shown}
    return [{"step": step, "energy": float(f"{max(energy, _SMALLEST):.3g}")} for step, energy in above.items()]


VIEW = DescentView()
