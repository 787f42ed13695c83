"""Crystals under pressure: the model's relaxed volumes over DFT's, a panel for each pressure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from evaluation.definitions.pressure import protocol
from evaluation.record import Record
from leaderboard.charts.parity import parity
from leaderboard.charts.spec import Datasets, Spec, tooltips
from leaderboard.formatting import figure
from leaderboard.views.base import Column, Panel


class PressureView:
    """The view."""

    columns = (
        Column("pressure_gpa", "pressure", "GPa", 0),
        Column("volume_change", "volume error", "%", 2),
        Column("volume_pred", "volume", "Å³/atom", 2),
        Column("volume_ref", "volume, DFT", "Å³/atom", 2),
        Column("rmsd", "RMSD", "", 4),
        Column("force_mae", "force MAE", "meV/Å", 1),
        Column("stress_mae", "stress MAE", "GPa", 2),
        Column("steps", "steps", "", 0),
    )
    caption = (
        "The model's relaxed volumes (Å³/atom) against DFT's under the same pressure; a point is a crystal. Dashed "
        "line: equal."
    )

    def spec(self) -> Spec:
        """Two layers over the datasets `equal` (columns ref, pred) and `crystals` (and name)."""
        told = tooltips(name=("crystal", "N"), pred=("model (Å³/atom)", "Q"), ref=("DFT (Å³/atom)", "Q"))
        return parity("crystals", told)

    def panels(
        self,
        records: Sequence[Record],  # noqa: ARG002  # all that is drawn stands in the rows
        rows: Sequence[Mapping[str, object]],
    ) -> list[Panel]:
        """One panel per pressure, from low to high, or none where only canaries were run."""
        compared = [row for row in rows if row["crystal"] not in protocol().canary]
        at = {
            pressure: [row for row in compared if row["pressure_gpa"] == pressure]
            for pressure in protocol().pressures_gpa
        }
        return [_panel(pressure, found) for pressure, found in sorted(at.items()) if found]


def _panel(pressure_gpa: float, rows: Sequence[Mapping[str, object]]) -> Panel:
    drawn = [row for row in rows if row["volume_ref"] is not None]
    errors = [cast(float, row["volume_error"]) for row in drawn]
    note = f"{figure(float(np.median(errors)) if errors else None, 2)} %, {len(drawn)} of {len(rows)} crystals"
    return Panel(
        title=f"{pressure_gpa:g} GPa",
        mark=None,
        note=note,
        reason=None if drawn else str(rows[0]["error"]),
        alt=f"Volumes at {pressure_gpa:g} GPa against DFT's: median absolute error {note}",
        datasets=_datasets(drawn) if drawn else None,
    )


def _datasets(rows: Sequence[Mapping[str, object]]) -> Datasets:
    crystals: list[dict[str, float | str]] = [
        {
            "name": f"{row['formula']} ({row['crystal']})",
            "ref": round(cast(float, row["volume_ref"]), 3),
            "pred": round(cast(float, row["volume_pred"]), 3),
        }
        for row in rows
    ]
    numbers = [cast(float, point["ref"]) for point in crystals]
    return {"crystals": crystals, "equal": [{"ref": end, "pred": end} for end in (min(numbers), max(numbers))]}


VIEW = PressureView()
