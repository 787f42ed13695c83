"""Formation energies: the model's over DFT's, a point for each crystal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from evaluation.record import Record
from leaderboard.charts.parity import parity
from leaderboard.charts.spec import Datasets, Spec, tooltips
from leaderboard.formatting import figure
from leaderboard.views.base import Column, Panel

_MARGIN = 0.5
"""eV/atom: the panel reaches so far beyond DFT's own values."""


class FormationView:
    """The view; one panel."""

    columns = (
        Column("e_form_pred", "formation energy", "eV/atom", 3),
        Column("e_form_ref", "formation energy, DFT", "eV/atom", 3),
        Column("e_form_signed_error", "error", "meV/atom", 1),
        Column("volume_error", "volume error", "%", 2),
        Column("rmsd", "RMSD", "", 4),
        Column("steps", "steps", "", 0),
    )
    caption = (
        "The model's formation energy (eV/atom) against DFT's, both with MP2020 corrections; a point is a crystal. "
        "Dashed line: equal. Crystals more than 0.5 eV/atom outside the range of DFT's values are only in the table."
    )

    def spec(self) -> Spec:
        """Two layers over the datasets `equal` (columns ref, pred) and `crystals` (and name)."""
        told = tooltips(name=("crystal", "N"), pred=("model (eV/atom)", "Q"), ref=("DFT (eV/atom)", "Q"))
        return parity("crystals", told)

    def panels(
        self,
        records: Sequence[Record],  # noqa: ARG002  # all that is drawn stands in the rows
        rows: Sequence[Mapping[str, object]],
    ) -> list[Panel]:
        """One panel, or none where only canaries were run."""
        compared = [row for row in rows if row["e_form_ref"] is not None or row["status"] != "ok"]
        return [_panel(compared)] if compared else []


def _panel(rows: Sequence[Mapping[str, object]]) -> Panel:
    drawn = [row for row in rows if row["e_form_pred"] is not None]
    errors = [cast(float, row["e_form_error"]) for row in drawn]
    mean = sum(errors) / len(errors) if errors else None
    note = f"{figure(mean, 0)} meV/atom, {len(drawn)} of {len(rows)} crystals"
    return Panel(
        title="WBM",
        mark=None,
        note=note,
        reason=None if drawn else str(rows[0]["error"]),
        alt=f"Formation energies against DFT's: mean absolute error {note}",
        datasets=_datasets(drawn) if drawn else None,
    )


def _datasets(rows: Sequence[Mapping[str, object]]) -> Datasets:
    numbers = [cast(float, row["e_form_ref"]) for row in rows]
    low, high = (round(end, 3) for end in (min(numbers) - _MARGIN, max(numbers) + _MARGIN))
    crystals: list[dict[str, float | str]] = [
        {
            "name": f"{row['formula']} ({row['sample']})",
            "ref": round(cast(float, row["e_form_ref"]), 3),
            "pred": round(predicted, 3),
        }
        for row in rows
        if low <= (predicted := cast(float, row["e_form_pred"])) <= high
    ]
    return {"crystals": crystals, "equal": [{"ref": end, "pred": end} for end in (low, high)]}


VIEW = FormationView()
