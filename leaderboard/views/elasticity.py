"""Bulk and shear moduli of every crystal against the reference's, one picture for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from evaluation.metric import SEED
from evaluation.record import Record
from leaderboard.charts.parity import diagonal, four_digits, parity
from leaderboard.charts.spec import Datasets, Spec, tooltips
from leaderboard.formatting import figure
from leaderboard.views.base import Column, Panel

_MODULI = {"K": "k", "G": "g"}
_POINTS = 500
"""Crystals drawn per picture: a fixed random draw."""
_MARGIN = 1.2
"""The diagonal reaches so much further than the outermost crystals."""


class ElasticityView:
    """The view."""

    columns = (
        Column("k_pred_gpa", "K", "GPa", 1),
        Column("k_ref_gpa", "K, reference", "GPa", 1),
        Column("g_pred_gpa", "G", "GPa", 1),
        Column("g_ref_gpa", "G, reference", "GPa", 1),
        Column("k_small_gpa", "K, smaller strains", "GPa", 1),
        Column("k_large_gpa", "K, larger strains", "GPa", 1),
        Column("softest_gpa", "softest eigenvalue", "GPa", 1),
        Column("anisotropy", "anisotropy", "", 2),
        Column("asymmetry", "asymmetry of C", "%", 3),
        Column("nonlinearity", "non-linearity", "%", 1),
        Column("linear", "linear", "", 0),
        Column("steps", "steps, longest", "", 0),
    )
    caption = (
        "Moduli of the model against the reference's, GPa, logarithmic on both axes: up to 500 crystals, drawn at "
        "random. Dashed line: equal. Crystals without moduli are only in the table."
    )

    def spec(self) -> Spec:
        """Two layers over the datasets `equal` (columns ref, pred) and `crystals` (and crystal)."""
        told = tooltips(crystal=("crystal", "N"), pred=("model (GPa)", "Q"), ref=("reference (GPa)", "Q"))
        return parity("crystals", told, logarithmic=True)

    def panels(
        self,
        records: Sequence[Record],  # noqa: ARG002  # all that is drawn stands in the rows
        rows: Sequence[Mapping[str, object]],
    ) -> list[Panel]:
        """The bulk modulus and the shear modulus."""
        return [_panel(title, name, rows) for title, name in _MODULI.items()]


def _panel(title: str, name: str, rows: Sequence[Mapping[str, object]]) -> Panel:
    compared = [row for row in rows if row[f"{name}_error"] is not None]
    errors = [cast(float, row[f"{name}_error"]) for row in compared]
    mean = sum(errors) / len(errors) if errors else None
    note = f"error {figure(mean, 1)} GPa, {len(compared)} of {len(rows)} crystals"
    return Panel(
        title=title,
        mark=None,
        note=note,
        reason=None if compared else "no crystal has one and a reference",
        alt=f"{title} against the reference: mean absolute {note}",
        datasets=_datasets(name, compared) if compared else None,
    )


def _datasets(name: str, rows: Sequence[Mapping[str, object]]) -> Datasets:
    drawn = np.sort(np.random.default_rng(SEED).permutation(len(rows))[:_POINTS])
    crystals: list[dict[str, float | str]] = [
        {
            "crystal": f"{rows[i]['formula']}, {rows[i]['sample']}",
            "ref": four_digits(rows[i][f"{name}_ref_gpa"]),
            "pred": four_digits(rows[i][f"{name}_pred_gpa"]),
        }
        for i in drawn
    ]
    return {"crystals": crystals, "equal": diagonal(crystals, margin=_MARGIN)}


VIEW = ElasticityView()
