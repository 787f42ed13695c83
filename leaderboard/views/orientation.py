"""Orientation: the frequencies of every crystal in each orientation, equal where a potential is equivariant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import numpy as np

from evaluation.definitions.orientation import protocol
from evaluation.metrics.orientation import optical
from evaluation.metrics.phonon import gamma
from evaluation.outputs.orientation import is_right
from evaluation.outputs.orientation import runs as runs_of
from evaluation.record import Record
from leaderboard.charts.spec import Datasets, Spec, finish, rule, tooltips, y_axis
from leaderboard.formatting import figure
from leaderboard.views.base import Column, Panel

_DECIMALS = 3
"""THz: of what is drawn."""


class OrientationView:
    """The view; lines join what is the same mode if the order of the modes is the same."""

    columns = (
        Column("frequency_spread", "ω spread", "THz", 4),
        Column("omega_max_spread", "ω max spread", "THz", 4),
        Column("gamma_spread", "ω(Γ) spread", "THz", 4),
        Column("energy_spread", "E spread", "meV/atom", 4),
        Column("volume_spread", "V spread", "%", 4),
        Column("omega_min", "ω min", "THz", 2),
        Column("omega_max", "ω max", "THz", 2),
        Column("imaginary", "imaginary", "of runs", 2),
        Column("verdict_agreement", "verdict as unrotated", "of runs", 2),
        Column("group_agreement", "group as unrotated", "of runs", 2),
        Column("group_loose", "group kept", "of runs", 2),
        Column("group_strict", "…, 1e-5 Å", "of runs", 2),
        Column("left", "left after displacement", "of runs", 2),
        Column("depth", "distorted start ends at", "meV/atom", 3),
        Column("control", "expected outcome", "of runs", 2),
        Column("control_upright", "…, unrotated", "", 0),
        Column("converged", "converged", "of runs", 2),
        Column("answers", "completed", "of runs", 2),
    )
    caption = (
        "Rotational equivariance: frequencies (THz; negative: imaginary modes) in each run. Run 0 is the unrotated "
        "crystal, 1 to 4 are rotated, 5 to 8 rotated and inverted. Shown are the optical modes at Γ and the lowest and "
        "highest of all. An equivariant potential gives horizontal lines. A cross at the bottom: the run has not the "
        "expected outcome, or no result."
    )

    def spec(self) -> Spec:
        """Lines over the dataset `modes` (columns run, w, mode), crosses over `wrong` (run), a rule over `zero` (w)."""
        import altair as alt

        runs = list(range(protocol().n_orientations))
        x = alt.X("run:O").title(None).scale(domain=runs).axis(labelAngle=0, ticks=False)
        y = y_axis("w:Q", ticks=4)
        told = tooltips(run=("run", "O"), w=("ω (THz)", "Q"))
        lines = (
            alt.Chart(alt.NamedData("modes"))
            .mark_line(point=alt.OverlayMarkDef(size=14), strokeWidth=1)
            .encode(x, y, alt.Detail("mode:N"), tooltip=told)
        )
        wrong = (
            alt.Chart(alt.NamedData("wrong"))
            .mark_point(shape="cross", size=40, filled=True)
            .encode(x=x, y=alt.value("height"))
        )
        return finish(alt.layer(rule("zero").encode(y=y), lines, wrong), 130)

    def panels(self, records: Sequence[Record], rows: Sequence[Mapping[str, object]]) -> list[Panel]:
        """One panel per crystal: those whose symmetry must break first, then by name."""
        by_sample = {record.sample: record for record in records}
        ordered = sorted(rows, key=lambda row: (row["expected"] != "breaks", str(row["sample"])))
        return [_panel(by_sample[str(row["sample"])], row) for row in ordered]


def _panel(record: Record, row: Mapping[str, object]) -> Panel:
    ok = record.status == "ok"
    says = ""
    if ok:
        n = len(runs_of(record))
        right = round(cast(float, row["control"]) * n)
        spread = figure(cast("float | None", row["frequency_spread"]), _DECIMALS)
        says = f"ω spread {spread} THz, {row['expected']} in {right} of {n}"
    reason = None if ok else str(row["error"] or "no answer")
    return Panel(
        title=record.sample,
        mark="must break" if row["expected"] == "breaks" else None,
        note=says,
        reason=reason,
        alt=f"Frequencies of {record.sample} in every orientation: {reason or says}",
        datasets=_datasets(record) if ok else None,
    )


def _datasets(record: Record) -> Datasets:
    return {"modes": list(_modes(record)), "wrong": list(_wrong(record)), "zero": [{"w": 0.0}]}


def _modes(record: Record) -> Iterator[dict[str, float]]:
    row = gamma(np.array(record.outputs["qpoints"]))
    for run, ended in enumerate(runs_of(record)):
        if ended is None:
            continue
        found = ended.frequencies
        shown = [float(found.min()), *optical(found[row]).tolist(), float(found.max())]
        for mode, frequency in enumerate(shown):
            yield {"run": run, "w": round(frequency, _DECIMALS), "mode": mode}


def _wrong(record: Record) -> Iterator[dict[str, float]]:
    for run, ended in enumerate(runs_of(record)):
        if ended is None or not is_right(record, ended):
            yield {"run": run}


VIEW = OrientationView()
