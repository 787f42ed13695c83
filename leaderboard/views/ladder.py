"""Ladders: what each rung costs and how wrong it is, for all crystals together and for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from evaluation.metrics.ladder import Means, column, front, means
from evaluation.record import Record
from evaluation.tasks.ladder import LABELS
from leaderboard.formatting import figure
from leaderboard.views.base import Column, Datasets, Panel, Spec

Row = Mapping[str, object]

_IMAGINARY = {True: "none", False: "imaginary"}
"""`stable` in the words of the tooltip."""


class LadderView:
    """The view; two panels of means, against PBE and against the checkpoint's own best, then one for each crystal."""

    columns = (
        Column("remedied_mae", "ω MAE, remedied", "THz", 3),
        Column("remedied_cost", "cost", "calls", 1),
        *(
            Column(column(rung, "frequency_mae"), f"ω MAE, {label}", "THz", 3)
            for rung, label in LABELS.items()
            if rung in ("raw", "symmetric_raw", "symmetric_plus_minus", "symmetric_projector")
            or rung in ("symmetric_all_displaced", "usual", "o3_3", "o3_7", "head_constants", "head")
        ),
        Column("usual_own_mae", "usual to own best", "THz", 3),
        Column("o3_3_own_mae", "42 rotations to own best", "THz", 3),
        Column("raw_omega_min", "ω min, raw", "THz", 2),
        Column("usual_omega_min", "ω min, usual", "THz", 2),
        Column("space_group", "space group, left alone", "", 0),
        Column("fc_asymmetry", "Φ asymmetry", "", 4),
        Column("fc_asymmetry_shown", "…, shown", "", 4),
        Column("asr_violation", "sum rule", "eV/Å²", 4),
        Column("asr_violation_shown", "…, shown", "eV/Å²", 4),
        Column("space_group_residual", "Φ outside the group", "", 4),
        Column("space_group_residual_shown", "…, shown", "", 4),
        Column("degeneracy_splitting", "splitting", "THz", 4),
        Column("degeneracy_splitting_shown", "…, shown", "THz", 4),
        Column("usual_seconds", "model's time, usual", "s", 2),
        Column("o3_3_seconds", "…, 42 rotations", "s", 2),
    )
    caption = (
        "Error of the frequencies (THz) against the cost of a rung: force calls on the supercell, logarithmic. A point "
        "is a rung, a cross one with imaginary modes (in a mean: of any crystal). The line joins what nothing cheaper "
        "beats, with names. Means are over the same crystals for all rungs, so that rungs which some crystal lacks are "
        "in its own picture alone. Against PBE where there is PBE; the checkpoint's own best is its conservative head, "
        "or else its highest average."
    )

    def spec(self) -> Spec:
        """Three layers: a line and names over `front`, points over `rungs` (columns x, y, rung, and what is told)."""
        import altair as alt

        x = (
            alt.X("x:Q")
            .title(None)
            .scale(type="log", nice=False, padding=18)
            .axis(tickCount=3, grid=False, format="~g")
        )
        y = alt.Y("y:Q").title(None).scale(zero=True).axis(tickCount=4)
        tooltip = [
            alt.Tooltip("rung:N"),
            alt.Tooltip("y:Q", title="error (THz)"),
            alt.Tooltip("x:Q", title="cost (calls)"),
            alt.Tooltip("seconds:Q", title="model's time (s)"),
            alt.Tooltip("modes:N", title="imaginary modes"),
        ]
        shape = alt.Shape("modes:N").scale(domain=["none", "imaginary"], range=["circle", "cross"]).legend(None)
        ahead = alt.Chart(alt.NamedData("front"))
        line = ahead.mark_line(strokeWidth=1.5, interpolate="step-after", style="reference").encode(x, y)
        names = ahead.mark_text(align="left", dx=5, dy=-7, fontSize=10, style="reference").encode(
            x, y, alt.Text("rung:N")
        )
        points = alt.Chart(alt.NamedData("rungs")).mark_point(filled=True, size=40, opacity=0.8)
        spec: Spec = (
            alt.layer(line, points.encode(x, y, shape, tooltip=tooltip), names)
            .properties(width="container", height=170)
            .to_dict()
        )
        return spec

    def panels(
        self,
        records: Sequence[Record],  # noqa: ARG002  # all that is drawn stands in the rows
        rows: Sequence[Row],
    ) -> list[Panel]:
        """Means first, then the crystals by name, those with a reference first."""
        compared = [row for row in rows if row["has_reference"]]
        ordered = sorted(rows, key=lambda row: (not row["has_reference"], str(row["sample"])))
        return [
            _means("All, against PBE", compared, "frequency_mae"),
            _means("All, against its own best", rows, "own_mae"),
            *(_crystal(row) for row in ordered),
        ]


def _means(title: str, rows: Sequence[Row], error: str) -> Panel:
    of = means(rows, [*LABELS], error)
    over = sum(row[column("usual", "cost")] is not None for row in rows)
    return _panel(
        title, rows, of, error, said=f"{over} crystals" if over != 1 else "1 crystal", none=_none(rows, error)
    )


def _none(rows: Sequence[Row], error: str) -> str:
    if not rows:
        return "no crystal has a reference"
    return "no crystal has its own best" if error == "own_mae" else "no rung was reached"


def _crystal(row: Row) -> Panel:
    """A crystal's own ladder, with every rung that was reached."""
    error = "frequency_mae" if row["has_reference"] else "own_mae"
    of = {
        rung: Means(cast(float, row[column(rung, "cost")]), cast(float, row[column(rung, error)]))
        for rung in LABELS
        if row[column(rung, "cost")] is not None and row[column(rung, error)] is not None
    }
    said = "" if row["has_reference"] else "to its own best"
    return _panel(str(row["sample"]), [row], of, error, said=said, none=str(row["error"] or "nothing to compare"))


def _panel(title: str, rows: Sequence[Row], of: Mapping[str, Means], error: str, *, said: str, none: str) -> Panel:
    ahead = front(of)
    best = f"{LABELS[ahead[-1]]}: {figure(of[ahead[-1]].error, 2)} THz" if ahead else ""
    note = ", ".join(filter(None, (said, best)))
    against = "PBE" if error == "frequency_mae" else "the checkpoint's own best"
    return Panel(
        title=title,
        mark=None,
        note=note if ahead else "",
        reason=None if ahead else none,
        alt=f"{title}: error of frequencies against {against} over cost, by rung: {note if ahead else none}",
        datasets=_datasets(rows, of, ahead) if ahead else None,
    )


def _datasets(rows: Sequence[Row], of: Mapping[str, Means], ahead: Sequence[str]) -> Datasets:
    points = {rung: _point(rows, rung, mean) for rung, mean in of.items()}
    return {"rungs": list(points.values()), "front": [points[rung] for rung in ahead]}


def _point(rows: Sequence[Row], rung: str, mean: Means) -> dict[str, float | str]:
    """To what a picture can show, so that the last digits of a platform stay out."""
    reached = [row for row in rows if row[column(rung, "cost")] is not None]
    seconds = [cast(float, row[column(rung, "seconds")]) for row in reached]
    return {
        "rung": LABELS[rung],
        "x": float(f"{mean.cost:.3g}"),
        "y": float(f"{mean.error:.3g}"),
        "seconds": float(f"{sum(seconds) / len(seconds):.2g}"),
        "modes": _IMAGINARY[all(row[column(rung, "stable")] for row in reached)],
    }


VIEW = LadderView()
