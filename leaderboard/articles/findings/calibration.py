"""Calibration of the detectors: how accurately they measure perturbations of known amplitude."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from leaderboard.articles import calibration_page as detectors
from leaderboard.articles.article import Part
from leaderboard.articles.evidence import Evidence
from leaderboard.charts.log_axis import log_axis
from leaderboard.charts.spec import ROW_HEIGHT, Picture, finish, name_axis, tooltips
from leaderboard.formatting import short

if TYPE_CHECKING:
    from evaluation.studies.calibration_data import Calibration


def calibration_findings(evidence: Evidence) -> list[Part]:
    """The largest error of each detector of the constraints task, for each calibration."""
    found = []
    for calibration in evidence.calibrations:
        worst = {name: detectors.worst_ratio(rows) for name, rows in detectors.perturbed(calibration.rows).items()}
        known = {name: ratio for name, ratio in worst.items() if ratio is not None}
        if not known:
            continue
        number = "1 detector" if len(known) == 1 else f"{len(known)} detectors"
        off = {name: 100 * abs(ratio - 1) for name, ratio in known.items()}
        name = max(off, key=lambda name: off[name])
        rows = [{"what": detectors.label(name), "percent": max(value, 1e-3)} for name, value in off.items()]
        found.append(
            Part(
                title="Accuracy of the detectors",
                sentences=(
                    f"Over {_decades(calibration)} decades of imposed amplitude, the largest error of {number} is "
                    f"{short(off[name])} % ({detectors.label(name)}).",
                ),
                pictures=[_worst_readings(rows)],
                caption="Largest relative error of each detector against the imposed amplitude, in %, logarithmic.",
                wide=True,
            )
        )
    return found


def _decades(calibration: Calibration) -> str:
    spans = [
        np.log10(max(row.dialled for row in rows) / min(row.dialled for row in rows))
        for rows in detectors.perturbed(calibration.rows).values()
    ]
    least, most = round(min(spans)), round(max(spans))
    return f"{least}" if least == most else f"{least} to {most}"


def _worst_readings(rows: Sequence[dict[str, object]]) -> Picture:
    import altair as alt

    chart = alt.Chart(alt.Data(values=list(rows))).mark_point(filled=True, size=90, opacity=1)
    x = alt.X("percent:Q").scale(type="log", padding=10).title("error (%)")
    x = x.axis(log_axis([cast(float, row["percent"]) for row in rows]))
    shown = tooltips(what=("detector", "N"), percent=("error (%)", "Q", ".2~g"))
    spec = finish(chart.encode(x, name_axis("what:N", labelPadding=10), tooltip=shown), ROW_HEIGHT * len(rows))
    told = "; ".join(f"{row['what']} {short(cast(float, row['percent']))} %" for row in rows)
    return Picture(key="detectors", title="", spec=spec, alt=f"Largest error of each detector: {told}.")
