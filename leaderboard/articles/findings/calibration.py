"""Calibrated: how well detectors of violations find faults of known size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from leaderboard.articles import calibration_page as detectors
from leaderboard.articles.article import Part, Picture
from leaderboard.articles.evidence import Evidence
from leaderboard.charts.log_axis import log_axis
from leaderboard.formatting import short

if TYPE_CHECKING:
    from evaluation.studies.calibration import Calibration
    from leaderboard.views.base import Spec


def calibrated(evidence: Evidence) -> list[Part]:
    """How well detectors of violations find faults of known size."""
    found = []
    for calibration in evidence.calibrations:
        worst = {name: detectors.worst_ratio(rows) for name, rows in detectors.dialled(calibration.rows).items()}
        known = {name: ratio for name, ratio in worst.items() if ratio is not None}
        if not known:
            continue
        number = "1 detector" if len(known) == 1 else f"{len(known)} detectors"
        off = {name: 100 * abs(ratio - 1) for name, ratio in known.items()}
        name = max(off, key=lambda name: off[name])
        rows = [{"what": detectors.label(name), "percent": max(value, 1e-3)} for name, value in off.items()]
        found.append(
            Part(
                title="The detectors find what is there",
                sentences=(
                    f"Faults of known size, over {_decades(calibration)} decades: the worst reading of "
                    f"{number} is {short(off[name])} % off ({detectors.label(name)}).",
                ),
                pictures=[_worst_readings(rows)],
                caption="The reading of each detector that is farthest from what was dialled, in %, logarithmic.",
                wide=True,
            )
        )
    return found


def _decades(calibration: Calibration) -> str:
    spans = [
        np.log10(max(row.dialled for row in rows) / min(row.dialled for row in rows))
        for rows in detectors.dialled(calibration.rows).values()
    ]
    least, most = round(min(spans)), round(max(spans))
    return f"{least}" if least == most else f"{least} to {most}"


def _worst_readings(rows: Sequence[dict[str, object]]) -> Picture:
    import altair as alt

    chart = alt.Chart(alt.Data(values=list(rows))).mark_point(filled=True, size=90, opacity=1)
    spec: Spec = (
        chart.encode(
            alt.X("percent:Q")
            .scale(type="log", padding=10)
            .title("off by (%)")
            .axis(log_axis([cast(float, row["percent"]) for row in rows])),
            alt.Y("what:N").sort(None).title(None).axis(labelLimit=240, labelPadding=10, ticks=False, domain=False),
            tooltip=[
                alt.Tooltip("what:N", title="detector"),
                alt.Tooltip("percent:Q", title="off by (%)", format=".2~g"),
            ],
        )
        .properties(width="container", height=28 * len(rows))
        .to_dict()
    )
    told = "; ".join(f"{row['what']} {short(cast(float, row['percent']))} %" for row in rows)
    return Picture(key="detectors", title="", spec=spec, alt=f"Worst reading of each detector: {told}.")
