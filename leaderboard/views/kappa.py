"""Conductivities of every solid against DFT's, one picture for each crystal structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from evaluation.phonondb import STRUCTURES
from evaluation.record import Record
from leaderboard.digits import figure
from leaderboard.parity import parity
from leaderboard.views import Column, Datasets, Panel, Spec

_MARGIN = 1.3
"""The diagonal reaches so much further than the outermost solids."""


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
        "Conductivity of the model against DFT's, W/(m·K) at 300 K, logarithmic on both axes; a point is a solid, and "
        "the larger the point, the larger its SRME (0 to 2). Dashed line: equal. Solids without a conductivity are "
        "only in the table."
    )

    def spec(self) -> Spec:
        """Two layers over the datasets `equal` (columns ref, pred) and `solids` (and srme, solid)."""
        import altair as alt

        tooltip = [
            alt.Tooltip("solid:N"),
            alt.Tooltip("pred:Q", title="κ (W/(m·K))"),
            alt.Tooltip("ref:Q", title="κ, reference"),
            alt.Tooltip("srme:Q", title="SRME"),
        ]
        size = alt.Size("srme:Q").scale(domain=[0, 2], range=[12, 90]).legend(None)
        return parity("solids", tooltip, height=110, logarithmic=True, size=size)

    def panels(
        self,
        records: Sequence[Record],  # noqa: ARG002  # all that is drawn stands in the rows
        rows: Sequence[Mapping[str, object]],
    ) -> list[Panel]:
        """One panel for each structure that is among the rows."""
        by_structure = {name: [row for row in rows if row["structure"] == name] for name in STRUCTURES.values()}
        return [_panel(name, found) for name, found in by_structure.items() if found]


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
        alt=f"Conductivities of {structure} against DFT's: {note} where there is one",
        datasets=_datasets(drawn) if drawn else None,
    )


def _datasets(rows: Sequence[Mapping[str, object]]) -> Datasets:
    solids: list[dict[str, float | str]] = [
        {
            "solid": str(row["sample"]).partition("-")[0],
            "ref": _rounded(row["kappa_ref"]),
            "pred": _rounded(row["kappa_pred"]),
            "srme": round(cast(float, row["srme"]), 3),
        }
        for row in rows
    ]
    numbers = [cast(float, solid[axis]) for solid in solids for axis in ("ref", "pred")]
    ends = (_rounded(min(numbers) / _MARGIN), _rounded(max(numbers) * _MARGIN))
    equal: list[dict[str, float | str]] = [{"ref": end, "pred": end} for end in ends]
    return {"solids": solids, "equal": equal}


def _rounded(number: object) -> float:
    """To what a picture can show, so that the last digits of a platform stay out."""
    return float(f"{cast(float, number):.4g}")


VIEW = KappaView()
