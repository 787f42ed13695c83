"""Energies above the hull: the model's over DFT's, a point for each crystal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from evaluation.metric import SEED
from evaluation.record import Record
from leaderboard.charts.parity import parity
from leaderboard.charts.spec import Datasets, Spec, rule, tooltips
from leaderboard.formatting import figure
from leaderboard.views.base import Column, Panel

_POINTS = 1000
"""Crystals drawn: a fixed random draw."""
_EDGE = 0.5
"""eV/atom: crystals further from the hull are not drawn, so that those near it have room."""


class DiscoveryView:
    """The view; one panel."""

    columns = (
        Column("e_hull_pred", "above the hull", "eV/atom", 3),
        Column("e_hull_ref", "above the hull, DFT", "eV/atom", 3),
        Column("e_form_pred", "formation energy", "eV/atom", 3),
        Column("e_form_signed_error", "error", "meV/atom", 1),
        Column("misclassified", "wrong side", "", 0),
        Column("steps", "steps", "", 0),
    )
    caption = (
        "The model's energy above DFT's hull (eV/atom) against DFT's: up to 1,000 crystals, drawn at random from those "
        "within 0.5 eV/atom of the hull on both axes; below zero a crystal is stable. Dashed line: equal. Vertical "
        "and horizontal: the hull; crystals in the upper left are false negatives, in the lower right false positives."
    )

    def spec(self) -> Spec:
        """Two layers over the datasets `equal` (columns ref, pred) and `crystals` (and name), two rules over `hull`."""
        import altair as alt

        told = tooltips(name=("crystal", "N"), pred=("model (eV/atom)", "Q"), ref=("DFT (eV/atom)", "Q"))
        spec = parity("crystals", told)
        hull = rule("hull")
        rules = alt.layer(hull.encode(x="at:Q"), hull.encode(y="at:Q")).to_dict()["layer"]
        return {**spec, "layer": [*rules, *cast("list[object]", spec["layer"])]}

    def panels(
        self,
        records: Sequence[Record],  # noqa: ARG002  # all that is drawn stands in the rows
        rows: Sequence[Mapping[str, object]],
    ) -> list[Panel]:
        """One panel, or none where only canaries were run."""
        compared = [row for row in rows if row["e_hull_ref"] is not None]
        return [_panel(compared)] if compared else []


def _panel(rows: Sequence[Mapping[str, object]]) -> Panel:
    predicted = [row for row in rows if row["e_hull_pred"] is not None]
    wrong = sum(cast(float, row["misclassified"]) for row in rows) / len(rows)
    note = f"{figure(100 * wrong, 1)} % on the wrong side, {len(predicted)} of {len(rows)} crystals"
    return Panel(
        title="WBM",
        mark=None,
        note=note,
        reason=None if predicted else str(rows[0]["error"]),
        alt=f"Energies above the hull against DFT's: {note}",
        datasets=_datasets(predicted) if predicted else None,
    )


def _datasets(rows: Sequence[Mapping[str, object]]) -> Datasets:
    near = [row for row in rows if max(abs(_of(row, "ref")), abs(_of(row, "pred"))) <= _EDGE]
    drawn = np.sort(np.random.default_rng(SEED).permutation(len(near))[:_POINTS])
    crystals: list[dict[str, float | str]] = [
        {
            "name": f"{near[i]['formula']} ({near[i]['sample']})",
            "ref": round(_of(near[i], "ref"), 3),
            "pred": round(_of(near[i], "pred"), 3),
        }
        for i in drawn
    ]
    return {
        "crystals": crystals,
        "equal": [{"ref": end, "pred": end} for end in (-_EDGE, _EDGE)],
        "hull": [{"at": 0.0}],
    }


def _of(row: Mapping[str, object], which: str) -> float:
    return cast(float, row[f"e_hull_{which}"])


VIEW = DiscoveryView()
