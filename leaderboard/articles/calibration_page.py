"""Calibration: what the detectors of the constraints task find of faults whose size is known."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.studies.calibration import COMMAND, Calibration, Reading
from evaluation.task import load, protocol_sha256
from leaderboard.articles.article import Essay, Part, Picture, Table
from leaderboard.articles.evidence import Evidence
from leaderboard.charts.log_axis import log_axis
from leaderboard.formatting import short
from leaderboard.views.base import Spec
from leaderboard.views.constraints import VIEW
from zoo.files import json_text

LABELS = {column.name: column.label for column in VIEW.columns}


def essay(evidence: Evidence) -> Essay:
    """The page; without results it says what makes them."""
    found = evidence.calibrations
    return Essay(
        name="calibration",
        title="Calibration of the detectors",
        lede="A detector is worth what it finds of a fault whose size is known. A potential in closed form, exactly "
        "conservative and equivariant, is given faults by a dial; then the constraints task measures it like any "
        "other.",
        parts=[part for each in found for part in _parts(each)]
        or [Part(title="Not made yet", sentences=("No calibration is here. It takes no model.",), command=COMMAND)],
        downloads={
            f"calibration{'' if i == 0 else f'-{i + 1}'}.json": json_text(each.model_dump(mode="json"))
            for i, each in enumerate(found)
        },
    )


def dialled(rows: Sequence[Reading]) -> dict[str, list[Reading]]:
    """Readings of faults that were dialled in, by detector, in the order of the file."""
    found: dict[str, list[Reading]] = {}
    for row in rows:
        if row.dialled > 0:
            found.setdefault(row.detector, []).append(row)
    return found


def worst_ratio(rows: Sequence[Reading]) -> float | None:
    """Found over dialled, where that is farthest from one; None where nothing was found."""
    ratios = [row.ratio for row in rows if row.ratio is not None]
    return max(ratios, key=lambda ratio: abs(ratio - 1), default=None)


def label(detector: str) -> str:
    """A detector's name for people; its own where the page of the constraints has no column of it."""
    return LABELS.get(detector, detector)


def _parts(calibration: Calibration) -> list[Part]:
    found = dialled(calibration.rows)
    missed = sum(row.found is None for rows in found.values() for row in rows)
    said = [
        f"{label(name)}: dialled from {short(min(row.dialled for row in rows))} to "
        f"{short(max(row.dialled for row in rows))} {rows[0].unit}".rstrip()
        + f", {_off(worst_ratio(rows))}."
        for name, rows in found.items()
    ]
    if missed:
        said.append(f"{missed} faults had no reading at all.")
    if calibration.protocol_sha256 != protocol_sha256(load("constraints")):
        said.append("It was made with another protocol of the constraints than today's.")
    crystals = dict.fromkeys(row.crystal for row in calibration.rows)
    return [
        Part(
            title="Found against dialled",
            sentences=[f"At {', '.join(crystals)}, each level of the dial once per crystal.", *said],
            pictures=[_picture(name, rows) for name, rows in found.items()],
            caption="What a detector finds against what was dialled, both logarithmic; the dashed line is the truth.",
            table=Table(
                label="Found over dialled",
                columns=("Detector", "Unit", "dialled, from", "to", "readings", "found / dialled, from", "to"),
                rows=[_row(name, rows) for name, rows in found.items()],
                texts=2,
            ),
        ),
        Part(
            title="Of no fault at all",
            sentences=["What is left when nothing is broken is the detector's own floor, in double precision."],
            table=Table(
                label="Readings of a sound potential",
                columns=("Detector", "Unit", "largest reading"),
                rows=_floors(calibration.rows),
                texts=2,
            ),
        ),
    ]


def _off(ratio: float | None) -> str:
    return "never found" if ratio is None else f"found to within {short(100 * abs(ratio - 1))} %"


def _row(name: str, rows: Sequence[Reading]) -> tuple[str, ...]:
    ratios = [row.ratio for row in rows if row.ratio is not None]
    return (
        label(name),
        rows[0].unit,
        short(min(row.dialled for row in rows)),
        short(max(row.dialled for row in rows)),
        str(len(ratios)),
        *(f"{bound(ratios):.4f}" if ratios else "–" for bound in (min, max)),
    )


def _floors(rows: Sequence[Reading]) -> list[tuple[str, ...]]:
    floors: dict[tuple[str, str], float] = {}
    for row in rows:
        if row.dialled == 0 and row.found is not None:
            key = label(row.detector), row.unit
            floors[key] = max(floors.get(key, 0.0), abs(row.found))
    return [(*key, short(value)) for key, value in floors.items()]


def _picture(name: str, rows: Sequence[Reading]) -> Picture:
    unit = f", {rows[0].unit}" if rows[0].unit else ""
    return Picture(
        key=f"detector/{name}",
        title=f"{label(name)}{unit}",
        spec=_spec(rows),
        alt=f"{label(name)} found against dialled: {_off(worst_ratio(rows))}.",
    )


def _spec(rows: Sequence[Reading]) -> Spec:
    import altair as alt

    points = [{"x": row.dialled, "y": row.found, "crystal": row.crystal} for row in rows if row.found]
    ends = [{"x": end, "y": end} for end in (min(row.dialled for row in rows), max(row.dialled for row in rows))]
    scale = alt.Scale(type="log", nice=False, padding=6)
    x = alt.X("x:Q").title(None).scale(scale).axis(log_axis([row.dialled for row in rows], grid=False))
    y = alt.Y("y:Q").title(None).scale(scale).axis(log_axis([row.dialled for row in rows]))
    tooltip = [
        alt.Tooltip("crystal:N", title="crystal"),
        alt.Tooltip("x:Q", title="dialled", format=".3~g"),
        alt.Tooltip("y:Q", title="found", format=".4~g"),
    ]
    truth = alt.Chart(alt.Data(values=ends)).mark_line(strokeDash=[4, 3], strokeWidth=1.5, style="reference")
    dots = alt.Chart(alt.Data(values=points)).mark_circle(size=40, opacity=0.8)
    spec: Spec = (
        alt.layer(truth.encode(x, y), dots.encode(x, y, tooltip=tooltip))
        .properties(width="container", height=170)
        .to_dict()
    )
    return spec
