"""Symmetry of every crystal: at which precisions the relaxed one shows its space group, and of how many it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from evaluation.record import Record
from evaluation.tasks.symmetry import TASK, kept_column
from leaderboard.formatting import NOTHING, figure
from leaderboard.views.base import Column, Datasets, Panel, Spec

_WAYS = {"own": "free", "other": "other_free", "fixed": "fixed"}
"""Data set of the survival curves → the relaxation in the table."""
_STARTS = {"reference": "DFT's geometry", "strained": "the strained one"}


class SymmetryView:
    """The view; a survival curve for each start, then the precisions of each crystal."""

    columns = (
        Column("survival", "survival", "", 2),
        Column("survival_fixed", "…, group fixed", "", 2),
        Column("survival_float32", "…, float32", "", 2),
        Column("survival_float64", "…, float64", "", 2),
        Column("recovered_symprec", "group found at", "Å", 5),
        Column("recovered_symprec_other_free", "…, other dtype", "Å", 5),
        Column("symmetry_tax", "symmetry tax", "", 1),
        Column("symmetry_tax_fixed", "…, group fixed", "", 1),
        Column("symmetry_tax_float32", "…, float32", "", 1),
        Column("symmetry_tax_float64", "…, float64", "", 1),
        Column("steps", "steps", "", 0),
        Column("max_force", "force at the end", "eV/Å", 5),
    )
    caption = (
        "First, for each start: the share of the relaxed crystals that show their space group, against the precision "
        "(Å) at which it is looked for. Solid: as the entry runs; dashed: in the other floating-point type; grey: with "
        "the group fixed. Then each crystal: full squares are precisions at which it shows its group, pale ones where "
        "it does not, from either start and in either floating-point type."
    )

    def spec(self) -> Spec:
        """Squares over the dataset `kept` (columns symprec, way, kept)."""
        import altair as alt

        symprecs = TASK.protocol.symprecs
        room = [0.6 * symprecs[0], 1.7 * symprecs[-1]]  # for the first and the last square
        x = alt.X("symprec:Q").title(None).scale(type="log", domain=room, nice=False)
        x = x.axis(tickCount=3, grid=False, format="~e")
        y = alt.Y("way:N").title(None).sort(None).axis(ticks=False, domain=False, grid=False)
        opacity = alt.Opacity("kept:Q").scale(domain=[0, 1], range=[0.15, 1]).legend(None)
        chart = alt.Chart(alt.NamedData("kept")).mark_point(shape="square", filled=True, size=70)
        spec: Spec = chart.encode(x, y, opacity).properties(width="container", height=alt.Step(18)).to_dict()
        return spec

    def panels(
        self,
        records: Sequence[Record],  # noqa: ARG002  # the rows have all of it
        rows: Sequence[Mapping[str, object]],
    ) -> list[Panel]:
        """The curves first, then crystals by name."""
        by_crystal: dict[str, list[Mapping[str, object]]] = {}
        for row in sorted(rows, key=lambda row: str(row["sample"])):
            by_crystal.setdefault(str(row["crystal"]), []).append(row)
        curves = [_survival(start, [row for row in rows if row["start"] == start]) for start in TASK.protocol.starts]
        return [*curves, *(_panel(name, found) for name, found in by_crystal.items())]


def _survival(start: str, rows: Sequence[Mapping[str, object]]) -> Panel:
    curves: Datasets = {
        name: [
            {"symprec": symprec, "kept": round(share, 4)}
            for symprec in TASK.protocol.symprecs
            if (share := _share(rows, way, symprec)) is not None
        ]
        for name, way in _WAYS.items()
    }
    tight, loose = (
        figure(_share(rows, "free", symprec), 2)
        for symprec in (TASK.protocol.tight_symprec, TASK.protocol.loose_symprec)
    )
    note = f"{tight} at {TASK.protocol.tight_symprec:g} Å, {loose} at {TASK.protocol.loose_symprec:g} Å"
    drawn = any(curves.values())
    return Panel(
        title=f"Survival from {_STARTS[start]}",
        mark=None,
        note=note if drawn else "",
        reason=None if drawn else "no crystal was relaxed",
        alt=f"Share of crystals that show their space group after relaxation from {_STARTS[start]}: {note}",
        datasets=curves if drawn else None,
        spec=_survival_spec(),
    )


def _share(rows: Sequence[Mapping[str, object]], way: str, symprec: float) -> float | None:
    """Share of the crystals that were relaxed this way; one that ran away on the way has kept nothing."""
    known = [kept for row in rows if (kept := row[kept_column(way, symprec)]) is not None]
    return sum(map(bool, known)) / len(known) if known else None


def _survival_spec() -> Spec:
    """Three lines over the datasets `own`, `other` and `fixed` (columns symprec, kept)."""
    import altair as alt

    x = alt.X("symprec:Q").title(None).scale(type="log").axis(tickCount=4, grid=False, format="~e")
    y = alt.Y("kept:Q").title(None).scale(domain=[0, 1]).axis(tickCount=3)
    tooltip = [alt.Tooltip("symprec:Q", title="precision (Å)"), alt.Tooltip("kept:Q", title="share")]
    styles: dict[str, dict[str, object]] = {
        "fixed": {"style": "reference", "strokeWidth": 1.5},
        "other": {"strokeWidth": 1.5, "strokeDash": [4, 3], "point": True},
        "own": {"strokeWidth": 1.5, "point": True},
    }
    lines = [
        alt.Chart(alt.NamedData(name)).mark_line(**style).encode(x, y, tooltip=tooltip)  # type: ignore[arg-type]
        for name, style in styles.items()
    ]
    spec: Spec = alt.layer(*lines).properties(width="container", height=130).to_dict()
    return spec


def _panel(name: str, rows: Sequence[Mapping[str, object]]) -> Panel:
    ok = [row for row in rows if row["status"] == "ok"]
    reason = None if ok else str(rows[0]["error"])
    taxes = " / ".join(figure(cast("float | None", row["symmetry_tax"]), 0) for row in ok)
    broken = next((str(row["error_free"]) for row in ok if row["error_free"] is not None), None)
    note = f"symmetry tax {taxes}" if ok else ""
    return Panel(
        title=name,
        mark="ran away" if broken else None,
        note=note,
        reason=reason,
        alt=f"Precisions at which {name} shows its space group: {reason or broken or note or NOTHING}",
        datasets={"kept": _squares(ok)} if ok else None,
    )


def _squares(rows: Sequence[Mapping[str, object]]) -> list[dict[str, float | str]]:
    found: list[dict[str, float | str]] = []
    for row in rows:
        for way, dtype in (("free", row["dtype"]), ("other_free", row["other_dtype"])):
            label = ", ".join(str(part) for part in (row["start"], dtype) if part is not None)
            for symprec in TASK.protocol.symprecs:
                kept = row[kept_column(way, symprec)]
                if kept is not None:
                    found.append({"symprec": symprec, "way": label, "kept": int(bool(kept))})
    return found


VIEW = SymmetryView()
