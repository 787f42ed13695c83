"""Parity of forces, set by set: the model's components over DFT's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from evaluation.definitions.forces import SETS
from evaluation.metric import SEED
from evaluation.outputs.forces import forces
from evaluation.record import Record
from leaderboard.charts.parity import parity
from leaderboard.charts.spec import Datasets, Spec, tooltips
from leaderboard.formatting import figure
from leaderboard.views.base import Column, Panel

_POINTS = 400
"""Components drawn per set: a fixed random draw."""
_FRACTION = 0.99
"""Half the width of a panel is this quantile of |F|, so that outliers do not compress the others."""


class ForcesView:
    """The view; one panel per source set."""

    columns = (
        Column("force_mae", "force MAE", "meV/Å", 1),
        Column("force_rmse", "force RMSE", "meV/Å", 1),
        Column("force_cosine", "cosine", "", 3),
        Column("force_rms_ref", "force, DFT (RMS)", "eV/Å", 3),
        Column("energy_error", "energy error", "meV/atom", 1),
        Column("stress_mae", "stress MAE", "GPa", 3),
    )
    caption = (
        "The model's force components (eV/Å) against DFT's: up to 400 of each set, drawn at random, within the range "
        "that holds 99 % of DFT's. Dashed: equality."
    )

    def spec(self) -> Spec:
        """Two layers over the datasets `equal` and `points` (columns ref, pred)."""
        return parity("points", tooltips(ref=("DFT (eV/Å)", "Q"), pred=("model (eV/Å)", "Q")))

    def panels(self, records: Sequence[Record], rows: Sequence[Mapping[str, object]]) -> list[Panel]:
        """One panel per source set that has frames, in the task's order."""
        by_sample = {record.sample: record for record in records}
        members = {key: [row for row in rows if row["set"] == key] for key in SETS}
        return [_panel(key, found, by_sample) for key, found in members.items() if found]


def _panel(key: str, rows: Sequence[Mapping[str, object]], by_sample: Mapping[str, Record]) -> Panel:
    answered = [by_sample[str(row["sample"])] for row in rows if row["force_mae"] is not None]
    errors = [cast(float, row["force_mae"]) for row in rows if row["force_mae"] is not None]
    said = f"median {figure(float(np.median(errors)), 0)}, mean {figure(float(np.mean(errors)), 0)}" if errors else "–"
    note = f"{said} meV/Å, {len(answered)} of {len(rows)} frames"
    return Panel(
        title=SETS[key],
        mark=None,
        note=note,
        reason=None if answered else "no frame has an answer",
        alt=f"Forces on {SETS[key]}: absolute error {note}",
        datasets=_datasets(answered) if answered else None,
    )


def _datasets(records: Sequence[Record]) -> Datasets:
    pairs = [forces(record) for record in records]
    pred, ref = (np.concatenate([pair[i].ravel() for pair in pairs]) for i in (0, 1))
    edge = float(np.quantile(np.abs(ref), _FRACTION))
    inside = np.flatnonzero((np.abs(ref) <= edge) & (np.abs(pred) <= 2 * edge))
    drawn = np.sort(np.random.default_rng(SEED).permutation(inside)[:_POINTS])
    return {
        "points": [{"ref": round(float(ref[i]), 3), "pred": round(float(pred[i]), 3)} for i in drawn],
        "equal": [{"ref": round(end, 3), "pred": round(end, 3)} for end in (-edge, edge)],
    }


VIEW = ForcesView()
