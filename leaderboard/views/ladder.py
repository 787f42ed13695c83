"""Mitigation: cost and frequency error of each mitigation step, for all crystals together and for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from evaluation.definitions.ladder import LABELS
from evaluation.metrics.mitigation import Means, column, front, means
from evaluation.record import Record
from leaderboard.charts.spec import REFERENCE, Datasets, Spec, finish, line, tooltips, x_axis, y_axis
from leaderboard.formatting import figure
from leaderboard.views.base import Column, Panel

Row = Mapping[str, object]

_IMAGINARY = {True: "none", False: "imaginary"}
"""`stable` in the words of the tooltip."""


class MitigationView:
    """The view; two panels of means, against PBE and against its own reference, then one for each crystal."""

    columns = (
        Column("remedied_mae", "ω MAE, best step", "THz", 3),
        Column("remedied_cost", "cost", "calls", 1),
        *(
            Column(column(step, "frequency_mae"), f"ω MAE, {label}", "THz", 3)
            for step, label in LABELS.items()
            if step in ("raw", "symmetric_raw", "symmetric_plus_minus", "symmetric_projector")
            or step in ("symmetric_all_displaced", "usual", "o3_3", "o3_7", "head_constants", "head")
        ),
        Column("usual_own_mae", "usual to own reference", "THz", 3),
        Column("o3_3_own_mae", "42 rotations to own reference", "THz", 3),
        Column("raw_omega_min", "ω min, raw", "THz", 2),
        Column("usual_omega_min", "ω min, usual", "THz", 2),
        Column("space_group", "space group, not imposed", "", 0),
        Column("fc_asymmetry", "force-constant asymmetry", "", 4),
        Column("fc_asymmetry_shown", "…, shown", "", 4),
        Column("asr_violation", "acoustic sum rule", "eV/Å²", 4),
        Column("asr_violation_shown", "…, shown", "eV/Å²", 4),
        Column("space_group_residual", "Φ outside the group", "", 4),
        Column("space_group_residual_shown", "…, shown", "", 4),
        Column("degeneracy_splitting", "splitting", "THz", 4),
        Column("degeneracy_splitting_shown", "…, shown", "THz", 4),
        Column("usual_seconds", "model's time, usual", "s", 2),
        Column("o3_3_seconds", "…, 42 rotations", "s", 2),
    )
    caption = (
        "Error of the frequencies (THz) against the cost of a mitigation step: force calls on the supercell, "
        "logarithmic. A point is a step, a cross one with imaginary modes (in a mean: of any crystal). The line "
        "joins the steps that no cheaper step beats, with their names. Means are over the same crystals for all "
        "steps; a step that some crystal lacks is only in the pictures of the others. Errors are against PBE where "
        "there is PBE; the checkpoint's own reference is its conservative head, or else its largest average."
    )

    def spec(self) -> Spec:
        """Three layers: a line and names over `front`, points over `steps` (columns x, y, step, and the tooltip's)."""
        import altair as alt

        x = x_axis("x:Q", labels="~g", type="log", nice=False, padding=18)
        y = y_axis("y:Q", ticks=4, zero=True)
        told = tooltips(
            step=("mitigation step", "N"),
            y=("error (THz)", "Q"),
            x=("cost (calls)", "Q"),
            seconds=("model's time (s)", "Q"),
            modes=("imaginary modes", "N"),
        )
        shape = alt.Shape("modes:N").scale(domain=["none", "imaginary"], range=["circle", "cross"]).legend(None)
        ahead = alt.Chart(alt.NamedData("front"))
        joined = line("front", REFERENCE, interpolate="step-after").encode(x, y)
        names = ahead.mark_text(align="left", dx=5, dy=-7, fontSize=10, style="reference").encode(
            x, y, alt.Text("step:N")
        )
        points = alt.Chart(alt.NamedData("steps")).mark_point(filled=True, size=40, opacity=0.8)
        return finish(alt.layer(joined, points.encode(x, y, shape, tooltip=told), names), 170)

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
            _means("All, against its own reference", rows, "own_mae"),
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
    return "no crystal has an own reference" if error == "own_mae" else "no step was completed"


def _crystal(row: Row) -> Panel:
    """One crystal, with every mitigation step that was completed."""
    error = "frequency_mae" if row["has_reference"] else "own_mae"
    of = {
        step: Means(cast(float, row[column(step, "cost")]), cast(float, row[column(step, error)]))
        for step in LABELS
        if row[column(step, "cost")] is not None and row[column(step, error)] is not None
    }
    said = "" if row["has_reference"] else "to its own reference"
    return _panel(str(row["sample"]), [row], of, error, said=said, none=str(row["error"] or "nothing to compare"))


def _panel(title: str, rows: Sequence[Row], of: Mapping[str, Means], error: str, *, said: str, none: str) -> Panel:
    ahead = front(of)
    best = f"{LABELS[ahead[-1]]}: {figure(of[ahead[-1]].error, 2)} THz" if ahead else ""
    note = ", ".join(filter(None, (said, best)))
    against = "PBE" if error == "frequency_mae" else "the checkpoint's own reference"
    return Panel(
        title=title,
        mark=None,
        note=note if ahead else "",
        reason=None if ahead else none,
        alt=f"{title}: error of frequencies against {against} over cost, by mitigation step: {note if ahead else none}",
        datasets=_datasets(rows, of, ahead) if ahead else None,
    )


def _datasets(rows: Sequence[Row], of: Mapping[str, Means], ahead: Sequence[str]) -> Datasets:
    points = {step: _point(rows, step, mean) for step, mean in of.items()}
    return {"steps": list(points.values()), "front": [points[step] for step in ahead]}


def _point(rows: Sequence[Row], step: str, mean: Means) -> dict[str, float | str]:
    """To what a picture can show, so that the last digits of a platform stay out."""
    completed = [row for row in rows if row[column(step, "cost")] is not None]
    seconds = [cast(float, row[column(step, "seconds")]) for row in completed]
    return {
        "step": LABELS[step],
        "x": float(f"{mean.cost:.3g}"),
        "y": float(f"{mean.error:.3g}"),
        "seconds": float(f"{sum(seconds) / len(seconds):.2g}"),
        "modes": _IMAGINARY[all(row[column(step, "stable")] for row in completed)],
    }


VIEW = MitigationView()
