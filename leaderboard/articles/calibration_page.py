"""Calibration: what the detectors of the constraints task measure of perturbations of known amplitude."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.protocol import protocol_sha256
from evaluation.studies.calibration_data import COMMAND, Calibration, Reading
from evaluation.task import load
from leaderboard.articles.article import Article, Part, Table
from leaderboard.articles.evidence import Evidence
from leaderboard.charts.log_axis import log_axis
from leaderboard.charts.spec import Picture, Spec, finish, tooltips
from leaderboard.formatting import capitalised, short
from leaderboard.views.constraints import VIEW
from zoo.files import json_text

LABELS = {column.name: column.label for column in VIEW.columns}


def article(evidence: Evidence) -> Article:
    """The page; without results it says what makes them."""
    found = evidence.calibrations
    return Article(
        name="calibration",
        title="Calibration of the detectors",
        lede="Detectors of constraint violations, tested on perturbations of known amplitude. A potential in closed "
        "form, exactly conservative and equivariant, is perturbed; then the constraints task measures it like any "
        "other.",
        parts=[part for each in found for part in _parts(each)]
        or [Part(title="No results", sentences=("There is no calibration yet. It takes no model.",), command=COMMAND)],
        downloads={
            f"calibration{'' if i == 0 else f'-{i + 1}'}.json": json_text(each.model_dump(mode="json"))
            for i, each in enumerate(found)
        },
    )


def perturbed(rows: Sequence[Reading]) -> dict[str, list[Reading]]:
    """Readings of perturbed potentials, by detector, in the order of the file."""
    found: dict[str, list[Reading]] = {}
    for row in rows:
        if row.dialled > 0:
            found.setdefault(row.detector, []).append(row)
    return found


def worst_ratio(rows: Sequence[Reading]) -> float | None:
    """Measured over imposed, where that is farthest from one; None where nothing was measured."""
    ratios = [row.ratio for row in rows if row.ratio is not None]
    return max(ratios, key=lambda ratio: abs(ratio - 1), default=None)


def label(detector: str) -> str:
    """A detector's label; its own name where the constraints' table has no column of it."""
    return LABELS.get(detector, detector)


def _parts(calibration: Calibration) -> list[Part]:
    found = perturbed(calibration.rows)
    missed = sum(row.found is None for rows in found.values() for row in rows)
    said = [
        f"{capitalised(label(name))}: imposed from {short(min(row.dialled for row in rows))} to "
        f"{short(max(row.dialled for row in rows))} {rows[0].unit}".rstrip()
        + f", {_off(worst_ratio(rows))}."
        for name, rows in found.items()
    ]
    if missed:
        said.append(f"{missed} perturbations have no reading.")
    if calibration.protocol_sha256 != protocol_sha256(load("constraints").protocol):
        said.append("It was made with another version of the constraints protocol than today's.")
    crystals = dict.fromkeys(row.crystal for row in calibration.rows)
    return [
        Part(
            title="Measured against imposed amplitude",
            sentences=[f"At {', '.join(crystals)}, each amplitude once per crystal.", *said],
            pictures=[_picture(name, rows) for name, rows in found.items()],
            caption="Measured against imposed amplitude, both logarithmic; on the dashed line they are equal.",
            table=Table(
                label="Measured over imposed amplitude",
                columns=("Detector", "Unit", "imposed, from", "to", "readings", "measured / imposed, from", "to"),
                rows=[_row(name, rows) for name, rows in found.items()],
                texts=2,
            ),
        ),
        Part(
            title="Detection limit",
            sentences=["The reading of an unperturbed potential is the detector's own limit, in double precision."],
            table=Table(
                label="Readings of an unperturbed potential",
                columns=("Detector", "Unit", "largest reading"),
                rows=_floors(calibration.rows),
                texts=2,
            ),
        ),
    ]


def _off(ratio: float | None) -> str:
    return "never measured" if ratio is None else f"measured to within {short(100 * abs(ratio - 1))} %"


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
        alt=f"{label(name)}, measured against imposed: {_off(worst_ratio(rows))}.",
    )


def _spec(rows: Sequence[Reading]) -> Spec:
    import altair as alt

    points = [{"x": row.dialled, "y": row.found, "crystal": row.crystal} for row in rows if row.found]
    ends = [{"x": end, "y": end} for end in (min(row.dialled for row in rows), max(row.dialled for row in rows))]
    scale = alt.Scale(type="log", nice=False, padding=6)
    x = alt.X("x:Q").title(None).scale(scale).axis(log_axis([row.dialled for row in rows], grid=False))
    y = alt.Y("y:Q").title(None).scale(scale).axis(log_axis([row.dialled for row in rows]))
    told = tooltips(crystal=("crystal", "N"), x=("imposed", "Q", ".3~g"), y=("measured", "Q", ".4~g"))
    equal = alt.Chart(alt.Data(values=ends)).mark_line(strokeDash=[4, 3], strokeWidth=1.5, style="reference")
    dots = alt.Chart(alt.Data(values=points)).mark_circle(size=40, opacity=0.8)
    return finish(alt.layer(equal.encode(x, y), dots.encode(x, y, tooltip=told)), 170)
