"""Symmetry: the precisions at which each relaxed crystal has its space group, and the share of crystals that do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from evaluation.definitions.symmetry import kept_column, protocol
from evaluation.record import Record
from leaderboard.charts.spec import DASHED, REFERENCE, Datasets, Spec, finish, line, tooltips, x_axis, y_axis
from leaderboard.formatting import NOTHING, figure
from leaderboard.views.base import Column, Panel

_RELAXATIONS = {"own": "free", "other": "other_free", "fixed": "fixed"}
"""Data set of the curves → the relaxation in the table."""
_STARTS = {"reference": "DFT's geometry", "strained": "the strained one"}


class SymmetryView:
    """The view; the share of kept space groups for each start, then the precisions of each crystal."""

    columns = (
        Column("survival", "space group kept", "", 2),
        Column("survival_fixed", "…, group fixed", "", 2),
        Column("survival_float32", "…, float32", "", 2),
        Column("survival_float64", "…, float64", "", 2),
        Column("recovered_symprec", "group found at", "Å", 5),
        Column("recovered_symprec_other_free", "…, other dtype", "Å", 5),
        Column("symmetry_tax", "displacement-count ratio", "", 1),
        Column("symmetry_tax_fixed", "…, group fixed", "", 1),
        Column("symmetry_tax_float32", "…, float32", "", 1),
        Column("symmetry_tax_float64", "…, float64", "", 1),
        Column("steps", "steps", "", 0),
        Column("max_force", "force at the end", "eV/Å", 5),
    )
    caption = (
        "First, for each start: the share of the relaxed crystals that have their space group, against the symmetry "
        "precision (Å). Solid: as the entry runs; dashed: in the other floating-point type; grey: with "
        "the group fixed. Then each crystal: full squares are precisions at which it has its group, pale ones where "
        "it has not, from either start and in either floating-point type."
    )

    def spec(self) -> Spec:
        """Squares over the dataset `kept` (columns symprec, relaxation, kept)."""
        import altair as alt

        symprecs = protocol().symprecs
        room = [0.6 * symprecs[0], 1.7 * symprecs[-1]]  # for the first and the last square
        x = x_axis("symprec:Q", labels="~e", type="log", domain=room, nice=False)
        y = alt.Y("relaxation:N").title(None).sort(None).axis(ticks=False, domain=False, grid=False)
        opacity = alt.Opacity("kept:Q").scale(domain=[0, 1], range=[0.15, 1]).legend(None)
        chart = alt.Chart(alt.NamedData("kept")).mark_point(shape="square", filled=True, size=70)
        return finish(chart.encode(x, y, opacity), alt.Step(18))

    def panels(
        self,
        records: Sequence[Record],  # noqa: ARG002  # the rows have all of it
        rows: Sequence[Mapping[str, object]],
    ) -> list[Panel]:
        """The curves first, then crystals by name."""
        by_crystal: dict[str, list[Mapping[str, object]]] = {}
        for row in sorted(rows, key=lambda row: str(row["sample"])):
            by_crystal.setdefault(str(row["crystal"]), []).append(row)
        curves = [_survival(start, [row for row in rows if row["start"] == start]) for start in protocol().starts]
        return [*curves, *(_panel(name, found) for name, found in by_crystal.items())]


def _survival(start: str, rows: Sequence[Mapping[str, object]]) -> Panel:
    curves: Datasets = {
        name: [
            {"symprec": symprec, "kept": round(share, 4)}
            for symprec in protocol().symprecs
            if (share := _share(rows, relaxation, symprec)) is not None
        ]
        for name, relaxation in _RELAXATIONS.items()
    }
    tight, loose = (
        figure(_share(rows, "free", symprec), 2) for symprec in (protocol().tight_symprec, protocol().loose_symprec)
    )
    note = f"{tight} at {protocol().tight_symprec:g} Å, {loose} at {protocol().loose_symprec:g} Å"
    drawn = any(curves.values())
    return Panel(
        title=f"Space group kept from {_STARTS[start]}",
        mark=None,
        note=note if drawn else "",
        reason=None if drawn else "no crystal was relaxed",
        alt=f"Share of crystals that have their space group after relaxation from {_STARTS[start]}: {note}",
        datasets=curves if drawn else None,
        spec=_survival_spec(),
    )


def _share(rows: Sequence[Mapping[str, object]], relaxation: str, symprec: float) -> float | None:
    """Share of the crystals with this relaxation; one that diverged has kept nothing."""
    known = [kept for row in rows if (kept := row[kept_column(relaxation, symprec)]) is not None]
    return sum(map(bool, known)) / len(known) if known else None


def _survival_spec() -> Spec:
    """Three lines over the datasets `own`, `other` and `fixed` (columns symprec, kept)."""
    import altair as alt

    x = x_axis("symprec:Q", ticks=4, labels="~e", type="log")
    y = y_axis("kept:Q", domain=[0, 1])
    told = tooltips(symprec=("precision (Å)", "Q"), kept=("share", "Q"))
    lines = (line("fixed", REFERENCE), line("other", DASHED, point=True), line("own", point=True))
    return finish(alt.layer(*(each.encode(x, y, tooltip=told) for each in lines)), 130)


def _panel(name: str, rows: Sequence[Mapping[str, object]]) -> Panel:
    ok = [row for row in rows if row["status"] == "ok"]
    reason = None if ok else str(rows[0]["error"])
    ratios = " / ".join(figure(cast("float | None", row["symmetry_tax"]), 0) for row in ok)
    broken = next((str(row["error_free"]) for row in ok if row["error_free"] is not None), None)
    note = f"displacement-count ratio {ratios}" if ok else ""
    return Panel(
        title=name,
        mark="diverged" if broken else None,
        note=note,
        reason=reason,
        alt=f"Precisions at which {name} has its space group: {reason or broken or note or NOTHING}",
        datasets={"kept": _squares(ok)} if ok else None,
    )


def _squares(rows: Sequence[Mapping[str, object]]) -> list[dict[str, float | str]]:
    found: list[dict[str, float | str]] = []
    for row in rows:
        for relaxation, dtype in (("free", row["dtype"]), ("other_free", row["other_dtype"])):
            label = ", ".join(str(part) for part in (row["start"], dtype) if part is not None)
            for symprec in protocol().symprecs:
                kept = row[kept_column(relaxation, symprec)]
                if kept is not None:
                    found.append({"symprec": symprec, "relaxation": label, "kept": int(bool(kept))})
    return found


VIEW = SymmetryView()
