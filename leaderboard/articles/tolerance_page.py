"""Tolerance: how much violation of a constraint a phonon can stand, from a sound model with faults of known size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import TYPE_CHECKING

from evaluation.studies.tolerance_data import COMMAND, Curves, Dial, Point
from leaderboard.analysis.tolerance_levels import Level, levels, stands
from leaderboard.analysis.violation_error import VIOLATIONS
from leaderboard.articles.article import Essay, Part, Picture, Table
from leaderboard.articles.evidence import Evidence
from leaderboard.charts.log_axis import log_axis
from leaderboard.formatting import duration, short
from leaderboard.views.base import Spec
from zoo.files import json_text

if TYPE_CHECKING:
    from leaderboard.ranking.collect import Entry

DIALS: dict[Dial, tuple[str, str, float]] = {
    "asymmetry": ("λ of the forces", "", 1.0),
    "rotation_error": ("rotation error of the forces", "meV/Å", 1000.0),
    "smooth": ("smooth noise", "meV/Å", 1000.0),
    "rough": ("white noise", "meV/Å", 1000.0),
}
"""Dial → what it is called, the unit it is shown in, and that unit per house unit."""
MEASURED: dict[Dial, str] = {"asymmetry": "lambda", "rotation_error": "rotation_force", "rough": "force_noise"}
"""Dial → the metric of the constraints task that measures it of real models, in the unit it is shown in."""
USUAL, FULL = "usual workflow", "full set, nothing symmetrised"
_IMAGINARY = (
    f"Share of crystals and seeds, stable in the sound model, with an imaginary mode: {USUAL}, and {FULL} (dashed)."
)


def essay(evidence: Evidence) -> Essay:
    """The page; without results it says what makes them."""
    return Essay(
        name="tolerance",
        title="How much violation a phonon stands",
        lede="A sound model is given one fault at a time, of a size that is known, and put through what people do with "
        "it: frequencies at its own geometry, and a relaxation from a rattled start. Everything else stays as it is.",
        parts=[part for curves in evidence.curves for part in _parts(curves, evidence.of(VIOLATIONS))]
        or [
            Part(title="Not measured yet", sentences=("No tolerance curve is here.",), command=COMMAND),
        ],
        notes=(
            "The faults are smooth fields and noise of a kind that can be dialled; what a real model does wrong may be "
            "of another kind, and the crystals are few. The curves say what size is harmless here, and what is not.",
            "Where nothing is symmetrised nobody takes the net force out either: acoustic modes at Γ are as far from "
            "zero as noise makes them, and count as imaginary a little below it. An optical mode that turns over is "
            "another harm.",
            "Of a curl the usual workflow leaves nothing: it imposes the symmetry that the forces lack, and takes the "
            "Hermitian part of the dynamical matrix. The residuals of the raw force constants are where it shows.",
        ),
        downloads={
            f"tolerance/{curves.entry}.json": json_text(curves.model_dump(mode="json")) for curves in evidence.curves
        },
    )


def _parts(curves: Curves, measured: Sequence[Entry]) -> list[Part]:
    found = {dial: levels(curves, dial) for dial in DIALS if dial in curves.protocol.dials}
    found = {dial: given for dial, given in found.items() if given}
    sound = [point for point in curves.points if point.level == 0]
    return [
        Part(title=curves.entry, sentences=_sentences(curves, found, sound, measured)),
        Part(
            title="Error of the frequencies",
            pictures=[
                _picture(curves, "omega", dial, given, _omega, logarithmic=True) for dial, given in found.items()
            ],
            caption=f"Mean absolute error against the sound model's frequencies (THz), median over crystals and seeds: "
            f"{USUAL}, and {FULL} (dashed).",
        ),
        Part(
            title="Imaginary modes",
            pictures=[_picture(curves, "imaginary", dial, given, _imaginary) for dial, given in found.items()],
            caption=_IMAGINARY,
        ),
        Part(
            title="Symmetry after relaxation",
            pictures=[_picture(curves, "symmetry", dial, given, _kept(curves)) for dial, given in found.items()],
            caption="Share of relaxations from a rattled start that end in the space group to which the sound model "
            f"comes back from such a start, by the precision at which it is looked for "
            f"({_precisions(curves)}). {_kept_when_sound(curves, sound)}",
        ),
        Part(
            title="Convergence",
            pictures=[_picture(curves, "converged", dial, given, _converged) for dial, given in found.items()],
            caption=f"Share of relaxations that reach {curves.protocol.retention.fmax:g} eV/Å within "
            f"{curves.protocol.retention.steps} steps.",
            table=_table(found),
        ),
    ]


def summary(curves: Curves, evidence: Evidence) -> Part:
    """Dial by dial: from which size on modes become imaginary, and which entries are beyond it."""
    found = {dial: given for dial in curves.protocol.dials if (given := levels(curves, dial))}
    measured = evidence.of(VIOLATIONS)
    return Part(
        title=f"How much violation a phonon stands: {curves.entry} with faults of known size",
        sentences=[_told(dial, given) + _beyond(dial, given, measured) for dial, given in found.items()],
        pictures=[_picture(curves, "imaginary", dial, given, _imaginary) for dial, given in found.items()],
        caption=_IMAGINARY,
    )


def _sentences(
    curves: Curves, found: dict[Dial, list[Level]], sound: Sequence[Point], measured: Sequence[Entry]
) -> list[str]:
    told = [_told(dial, given) + _beyond(dial, given, measured) for dial, given in found.items()]
    failed = sum(point.error is not None for point in curves.points)
    crystals = ", ".join(curves.protocol.crystals)
    cost = duration(sum(point.seconds for point in curves.points))
    said = [f"{len(curves.points)} points on {crystals}, in {cost} on {curves.device}."]
    if unstable := [point.crystal for point in sound if point.spectrum and not point.spectrum.sound_stable]:
        said.append(f"The sound model itself has imaginary modes in {', '.join(unstable)}, which no share counts.")
    if failed:
        said.append(f"{failed} {'point has' if failed == 1 else 'points have'} no numbers: {_first_error(curves)}.")
    return [*said, *told]


def _told(dial: Dial, given: Sequence[Level]) -> str:
    name, unit, scale = DIALS[dial]
    for what, broken in (("usual", lambda level: level.imaginary), ("full", lambda level: level.imaginary_full)):
        harmless, harmful = stands(given, broken)
        if harmful is None:
            if what == "usual":
                continue
            last = given[-1]
            return (
                f"{_opening(name)}: no imaginary mode in {last.stable} of {last.stable}, up to "
                f"{short(scale * last.level)} {unit}".rstrip()
                + "."
            )
        number = broken(harmful)
        where = "" if what == "usual" else ", and only where nothing is symmetrised"
        upto = f"none up to {short(scale * harmless.level)} {unit}".rstrip() if harmless else "even at the lowest level"
        return (
            f"{_opening(name)}: imaginary modes in {number} of {harmful.stable} at "
            f"{short(scale * harmful.level)} {unit}".rstrip()
            + f", {upto}{where}."
        )
    return f"{_opening(name)}: nothing was measured."


def _beyond(dial: Dial, given: Sequence[Level], measured: Sequence[Entry]) -> str:
    """Which entries of the constraints task break more than what was harmless here; empty where that is unknown."""
    harmless, harmful = stands(given, lambda level: level.imaginary)
    if harmless is None or harmful is None or dial not in MEASURED:
        return ""
    values = {entry.name: entry.result.scores[MEASURED[dial]].value for entry in measured}
    known = {name: value for name, value in values.items() if value is not None}
    beyond = sorted(name for name, value in known.items() if value > DIALS[dial][2] * harmless.level)
    if not known:
        return ""
    told = f": {', '.join(beyond)}" if beyond else ""
    return f" Of {len(known)} entries measured, {len(beyond)} {'is' if len(beyond) == 1 else 'are'} beyond{told}."


def _opening(name: str) -> str:
    """A name at the start of a sentence: a Greek letter stays what it is."""
    return name[0].upper() + name[1:] if name[0].isascii() else name


def _first_error(curves: Curves) -> str:
    return next(point.error for point in curves.points if point.error is not None).splitlines()[0][:200]


Line = tuple[str, list[tuple[float, float | None]]]
"""What a line is called, and its level → value."""


def _omega(given: Sequence[Level]) -> list[Line]:
    return [
        (USUAL, [(level.level, level.omega) for level in given]),
        (FULL, [(level.level, level.omega_full) for level in given]),
    ]


def _imaginary(given: Sequence[Level]) -> list[Line]:
    return [
        (USUAL, [(level.level, _share(level.imaginary, level.stable)) for level in given]),
        (FULL, [(level.level, _share(level.imaginary_full, level.stable_full)) for level in given]),
    ]


def _kept(curves: Curves) -> Callable[[Sequence[Level]], list[Line]]:
    def lines(given: Sequence[Level]) -> list[Line]:
        return [
            (f"{symprec:g} Å", [(level.level, _share(level.kept[i], level.keepable[i])) for level in given])
            for i, symprec in enumerate(curves.protocol.retention.symprecs)
        ]

    return lines


def _converged(given: Sequence[Level]) -> list[Line]:
    return [("converged", [(level.level, _share(level.converged, level.relaxed)) for level in given])]


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _precisions(curves: Curves) -> str:
    styles = ("", ", dashed", ", dotted")
    return "; ".join(f"{symprec:g} Å{styles[i % 3]}" for i, symprec in enumerate(curves.protocol.retention.symprecs))


def _kept_when_sound(curves: Curves, sound: Sequence[Point]) -> str:
    found = [point.relaxation for point in sound if point.relaxation]
    told = [
        f"{sum(one.space_groups[i] == one.space_group_sound for one in found)} at {symprec:g} Å"
        for i, symprec in enumerate(curves.protocol.retention.symprecs)
    ]
    return f"Without any fault: of {len(found)}, {', '.join(told)}."


def _picture(
    curves: Curves,
    what: str,
    dial: Dial,
    given: Sequence[Level],
    lines: Callable[[Sequence[Level]], list[Line]],
    *,
    logarithmic: bool = False,
) -> Picture:
    name, unit, scale = DIALS[dial]
    rows: list[dict[str, float | str]] = [
        {"x": scale * level, "y": value, "line": line}
        for line, values in lines(given)
        for level, value in values
        if value is not None and (value > 0 or not logarithmic)
    ]
    told = "; ".join(f"{row['line']} {short(float(row['y']))} at {short(float(row['x']))}" for row in rows)
    return Picture(
        key=f"{curves.entry}/{what}/{dial}",
        title=f"{name}, {unit}" if unit else name,
        spec=_spec(rows, list(dict.fromkeys(line for line, _ in lines(given))), logarithmic=logarithmic),
        alt=f"{what} against {name}{f' in {unit}' if unit else ''}: {told}.",
    )


def _spec(rows: Sequence[dict[str, float | str]], names: list[str], *, logarithmic: bool) -> Spec:
    import altair as alt

    across, up = ([float(row[name]) for row in rows] for name in ("x", "y"))
    x = alt.X("x:Q").title(None).scale(type="log", nice=False, padding=6).axis(log_axis(across, grid=False))
    y = alt.Y("y:Q").title(None)
    y = (
        y.scale(type="log", nice=False, padding=6).axis(log_axis(up))
        if logarithmic
        else y.scale(domain=[0, 1]).axis(tickCount=3)
    )
    colour = alt.Color("line:N").scale(domain=names).legend(None)
    dash = alt.StrokeDash("line:N").scale(domain=names, range=[[1, 0], [4, 3], [1, 3]][: len(names)]).legend(None)
    tooltip = [
        alt.Tooltip("line:N", title="line"),
        alt.Tooltip("x:Q", title="dialled", format="~g"),
        alt.Tooltip("y:Q", title="value", format=".2~g"),
    ]
    base = alt.Chart(alt.Data(values=list(rows))).encode(x, y, colour)
    spec: Spec = (
        alt.layer(
            base.mark_line(strokeWidth=1.5).encode(dash), base.mark_point(filled=True, size=30).encode(tooltip=tooltip)
        )
        .properties(width="container", height=140)
        .to_dict()
    )
    return spec


def _table(found: dict[Dial, list[Level]]) -> Table:
    def row(dial: Dial, level: Level) -> tuple[str, ...]:
        name, unit, scale = DIALS[dial]
        return (
            name,
            f"{short(scale * level.level)} {unit}".rstrip(),
            short(level.omega),
            short(level.omega_full),
            f"{level.imaginary} of {level.stable}",
            f"{level.imaginary_full} of {level.stable_full}",
            " / ".join(f"{kept} of {of}" for kept, of in zip(level.kept, level.keepable, strict=True)),
            f"{level.converged} of {level.relaxed}",
            short(median(level.steps)) if level.steps else "–",
            str(level.failed),
        )

    return Table(
        label="All levels of all dials",
        columns=(
            *("Fault", "Size", "ω error, THz", "full set", "imaginary", "full set"),
            *("symmetry kept", "converged", "steps", "no numbers"),
        ),
        rows=[row(dial, level) for dial, given in found.items() for level in given],
        texts=2,
    )
