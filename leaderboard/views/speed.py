"""Comparable cost: the ratio of each repeated call to the reference's, a panel for each workload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from evaluation.definitions.speed import Workload, protocol
from evaluation.outputs import speed as outputs
from evaluation.record import Record
from leaderboard.charts.spec import Datasets, Spec, categories, finish, rule, tooltips, x_axis
from leaderboard.formatting import short
from leaderboard.views.base import Column, Panel


class SpeedView:
    """The view."""

    columns = (
        Column("relative_cost", "relative cost", "", 2),
        Column("relative_low", "lower quartile", "", 2),
        Column("relative_high", "upper quartile", "", 2),
        Column("microseconds", "time", "µs/atom", 0),
        Column("microseconds_low", "lower quartile of the time", "µs/atom", 0),
        Column("microseconds_high", "upper quartile of the time", "µs/atom", 0),
        Column("reference_microseconds", "time, reference", "µs/atom", 0),
    )
    caption = (
        "The time of each repeated call over the reference's next to it, logarithmic; a row is a crystal. Line: as "
        "fast as the reference."
    )

    def spec(self) -> Spec:
        """Two layers over the datasets `equal` (column ratio) and `calls` (crystal, ratio)."""
        import altair as alt

        crystals = [*protocol().crystals]
        calls = (
            alt.Chart(alt.NamedData("calls"))
            .mark_point(filled=True, size=30, opacity=0.7)
            .encode(
                x_axis("ratio:Q", type="log", padding=8, nice=False),
                alt.Y("crystal:N", sort=crystals, title=None, axis={"ticks": False, "domain": False}),
                *categories("crystal:N", crystals, shapes=("circle", "diamond", "square")),
                tooltip=tooltips(crystal=("crystal", "N"), ratio=("relative cost", "Q", ".3~g")),
            )
        )
        return finish(alt.layer(rule("equal").encode(alt.X("ratio:Q")), calls))

    def panels(self, records: Sequence[Record], rows: Sequence[Mapping[str, object]]) -> list[Panel]:
        """One panel per workload that was run, from small to large."""
        by_sample = {record.sample: record for record in records}
        found = []
        for workload in protocol().workloads:
            mine = [row for row in rows if row["workload"] == workload.name]
            if mine:
                found.append(_panel(workload, mine, by_sample))
        return found


def _panel(workload: Workload, rows: Sequence[Mapping[str, object]], by_sample: Mapping[str, Record]) -> Panel:
    timed = [row for row in rows if row["relative_cost"] is not None]
    middle = float(np.median([cast(float, row["relative_cost"]) for row in timed])) if timed else None
    title = f"{workload.structures} × {workload.atoms} atoms"
    note = f"× {short(middle, 3)}, {len(timed)} of {len(rows)} crystals"
    return Panel(
        title=title,
        mark=None,
        note=note,
        reason=None if timed else str(rows[0]["error"]),
        alt=f"Relative cost of calls with {title}: median {note}",
        datasets=_datasets(timed, by_sample) if timed else None,
    )


def _datasets(rows: Sequence[Mapping[str, object]], by_sample: Mapping[str, Record]) -> Datasets:
    return {
        "calls": [
            {"crystal": str(row["crystal"]), "ratio": float(f"{ratio:.4g}")}
            for row in rows
            for ratio in outputs.ratios(by_sample[str(row["sample"])])
        ],
        "equal": [{"ratio": 1.0}],
    }


VIEW = SpeedView()
