"""Diatomics: E(r) of every pair, the model's curve over the PBE points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from evaluation.outputs.diatomics import curve, reference_curve
from evaluation.record import Record
from leaderboard.charts.spec import Datasets, Spec, finish, line, tooltips, x_axis, y_axis
from leaderboard.formatting import figure
from leaderboard.views.base import Column, Panel, by_element

_HIGHEST, _LOWEST = 5.0, -15.0
"""Energies outside, eV relative to the far end, are the repulsive wall, which would hide the well."""
_STRIDE = 4
"""Every so many points of a curve are drawn."""


class DiatomicsView:
    """The view; energies are relative to the curve's far end."""

    columns = (
        Column("tortuosity", "tortuosity", "", 3),
        Column("energy_jump", "energy jump", "eV", 3),
        Column("energy_flips", "energy flips", "", 0),
        Column("force_flips", "force flips", "", 0),
        Column("force_jump", "force jump", "eV/Å", 2),
        Column("conservation_deviation", "|F + dE/dr|", "meV/Å", 1),
        Column("bond_length_pred", "bond", "Å", 3),
        Column("bond_length_ref", "bond, PBE", "Å", 3),
        Column("well_depth_pred", "depth", "eV", 2),
        Column("well_depth_ref", "depth, PBE", "eV", 2),
    )
    caption = (
        "Energy (eV) against distance (Å), relative to the largest distance. Line: the model. Points: PBE. Energies "
        "above 5 eV, the repulsive wall, are cut off. Scales differ between elements."
    )

    def spec(self) -> Spec:
        """Two layers over the datasets `model` and `points` (columns r, e)."""
        import altair as alt

        x, y = x_axis("r:Q", zero=False, nice=False), y_axis("e:Q")
        told = tooltips(r=("r (Å)", "Q"), e=("E (eV)", "Q"))
        points = alt.Chart(alt.NamedData("points")).mark_circle(size=20, opacity=1).encode(x, y, tooltip=told)
        return finish(alt.layer(line("model").encode(x, y), points))

    def panels(self, records: Sequence[Record], rows: Sequence[Mapping[str, object]]) -> list[Panel]:
        """One panel per element, by atomic number."""
        return by_element(records, rows, _panel)


def _panel(record: Record, row: Mapping[str, object]) -> Panel:
    tortuosity = cast("float | None", row["tortuosity"])
    ok = record.status == "ok"
    reason = None if ok else str(record.error)
    return Panel(
        title=record.sample,
        mark=None,
        note=f"tortuosity {figure(tortuosity, 2)}",
        reason=reason,
        alt=f"E(r) of {record.sample}: {reason or f'tortuosity {figure(tortuosity, 2)}'}",
        datasets=_datasets(record) if ok else None,
    )


def _datasets(record: Record) -> Datasets:
    distances, energies, _ = curve(record)
    reference = reference_curve(record)
    return {
        "model": _rows(distances, energies, _STRIDE),
        "points": _rows(*reference, 1) if reference else [],
    }


def _rows(distances: np.ndarray, energies: np.ndarray, stride: int) -> list[dict[str, float]]:
    """Rounded to what a picture can show."""
    shown = energies - energies[-1]
    pairs = zip(distances[::stride].tolist(), shown[::stride].tolist(), strict=True)
    return [{"r": round(r, 3), "e": round(e, 3)} for r, e in pairs if _LOWEST <= e <= _HIGHEST]


VIEW = DiatomicsView()
