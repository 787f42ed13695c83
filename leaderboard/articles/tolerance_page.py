"""Tolerance curves: phonons and relaxation of a reference model against the amplitude of an imposed perturbation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import TYPE_CHECKING

from evaluation.studies.tolerance_data import COMMAND, Curves, Dial, Point
from leaderboard.analysis.tolerance_levels import MEASURED, PERTURBATIONS, Level, levels, tolerated
from leaderboard.analysis.violation_error import VIOLATIONS
from leaderboard.articles.article import Article, Part, Table
from leaderboard.articles.evidence import Evidence
from leaderboard.charts.log_axis import log_axis
from leaderboard.charts.spec import Picture, Spec, finish, tooltips
from leaderboard.formatting import capitalised, duration, short
from zoo.files import json_text

if TYPE_CHECKING:
    from leaderboard.ranking.collect import Entry

USUAL, FULL = "usual workflow", "full set, nothing symmetrised"
_IMAGINARY = (
    f"Share of crystals and seeds, stable in the reference model, with an imaginary mode: {USUAL}, and {FULL} (dashed)."
)


def article(evidence: Evidence) -> Article:
    """The page; without results it says what makes them."""
    return Article(
        name="tolerance",
        title="Tolerance of phonons to constraint violations",
        lede="A reference (unperturbed) model is given one perturbation at a time, of known amplitude: "
        "force-constant asymmetry, broken rotational equivariance, smooth or white noise. Phonon frequencies at its "
        "own geometry and a relaxation from a rattled start are computed at each amplitude; everything else is "
        "unchanged.",
        parts=[part for curves in evidence.curves for part in _parts(curves, evidence.of(VIOLATIONS))]
        or [
            Part(title="Not measured yet", sentences=("No tolerance curve is here.",), command=COMMAND),
        ],
        notes=(
            "The perturbations are smooth fields and noise whose amplitude can be set; the errors of other models "
            "may be of another kind, and the crystals are few. The curves show which amplitudes are harmless here.",
            "Where nothing is symmetrised the acoustic sum rule is not imposed either: noise moves the acoustic "
            "modes at Γ away from zero, and slightly below zero they count as imaginary. An optical mode that "
            "becomes imaginary is a separate, physical error.",
            "The usual workflow removes force-constant asymmetry: it imposes the index symmetry that the forces "
            "lack, and takes the Hermitian part of the dynamical matrix. Only residuals of the raw force constants "
            "show it.",
        ),
        downloads={
            f"tolerance/{curves.entry}.json": json_text(curves.model_dump(mode="json")) for curves in evidence.curves
        },
    )


def _parts(curves: Curves, measured: Sequence[Entry]) -> list[Part]:
    found = {
        perturbation: levels(curves, perturbation)
        for perturbation in PERTURBATIONS
        if perturbation in curves.protocol.dials
    }
    found = {perturbation: given for perturbation, given in found.items() if given}
    unperturbed = [point for point in curves.points if point.level == 0]
    return [
        Part(title=curves.entry, sentences=_sentences(curves, found, unperturbed, measured)),
        Part(
            title="Error of the frequencies",
            pictures=[
                _picture(curves, "omega", perturbation, given, _omega, logarithmic=True)
                for perturbation, given in found.items()
            ],
            caption="Mean absolute error against the reference model's frequencies (THz), median over crystals and "
            f"seeds: {USUAL}, and {FULL} (dashed).",
        ),
        Part(
            title="Imaginary modes",
            pictures=[
                _picture(curves, "imaginary", perturbation, given, _imaginary) for perturbation, given in found.items()
            ],
            caption=_IMAGINARY,
        ),
        Part(
            title="Symmetry after relaxation",
            pictures=[
                _picture(curves, "symmetry", perturbation, given, _kept(curves))
                for perturbation, given in found.items()
            ],
            caption="Share of relaxations from a rattled start that end in the space group that the reference model "
            f"recovers from such a start, by the symmetry precision "
            f"({_precisions(curves)}). {_kept_unperturbed(curves, unperturbed)}",
        ),
        Part(
            title="Convergence",
            pictures=[
                _picture(curves, "converged", perturbation, given, _converged) for perturbation, given in found.items()
            ],
            caption=f"Share of relaxations that reach {curves.protocol.retention.fmax:g} eV/Å within "
            f"{curves.protocol.retention.steps} steps.",
            table=_table(found),
        ),
    ]


def summary(curves: Curves, evidence: Evidence) -> Part:
    """By perturbation: the amplitude from which modes become imaginary, and the entries beyond it."""
    found = {perturbation: given for perturbation in curves.protocol.dials if (given := levels(curves, perturbation))}
    measured = evidence.of(VIOLATIONS)
    return Part(
        title=f"Imaginary modes by amplitude of the perturbation: {curves.entry}",
        sentences=[
            _told(perturbation, given) + _beyond(perturbation, given, measured, reference=curves.entry)
            for perturbation, given in found.items()
        ],
        pictures=[
            _picture(curves, "imaginary", perturbation, given, _imaginary) for perturbation, given in found.items()
        ],
        caption=_IMAGINARY,
    )


def _sentences(
    curves: Curves, found: dict[Dial, list[Level]], unperturbed: Sequence[Point], measured: Sequence[Entry]
) -> list[str]:
    told = [
        _told(perturbation, given) + _beyond(perturbation, given, measured, reference=curves.entry)
        for perturbation, given in found.items()
    ]
    failed = sum(point.error is not None for point in curves.points)
    crystals = ", ".join(curves.protocol.crystals)
    cost = duration(sum(point.seconds for point in curves.points))
    said = [f"{len(curves.points)} points on {crystals}, in {cost} on {curves.device}."]
    if unstable := [point.crystal for point in unperturbed if point.spectrum and not point.spectrum.sound_stable]:
        said.append(
            f"The reference model itself has imaginary modes in {', '.join(unstable)}, which are excluded from all "
            "shares."
        )
    if failed:
        said.append(f"{failed} {'point has' if failed == 1 else 'points have'} no numbers: {_first_error(curves)}.")
    return [*said, *told]


def _told(perturbation: Dial, given: Sequence[Level]) -> str:
    name, unit, scale = PERTURBATIONS[perturbation]
    for what, broken in (("usual", lambda level: level.imaginary), ("full", lambda level: level.imaginary_full)):
        harmless, harmful = tolerated(given, broken)
        if harmful is None:
            if what == "usual":
                continue
            last = given[-1]
            return (
                f"{capitalised(name)}: no imaginary mode in {last.stable} of {last.stable}, up to "
                f"{short(scale * last.level)} {unit}".rstrip()
                + "."
            )
        number = broken(harmful)
        where = "" if what == "usual" else ", and only where nothing is symmetrised"
        upto = f"none up to {short(scale * harmless.level)} {unit}".rstrip() if harmless else "even at the lowest level"
        return (
            f"{capitalised(name)}: imaginary modes in {number} of {harmful.stable} at "
            f"{short(scale * harmful.level)} {unit}".rstrip()
            + f", {upto}{where}."
        )
    return f"{capitalised(name)}: nothing was measured."


def _beyond(perturbation: Dial, given: Sequence[Level], measured: Sequence[Entry], *, reference: str) -> str:
    """Entries whose violation is above the largest harmless amplitude at their worst crystal; empty where unknown."""
    harmless, harmful = tolerated(given, lambda level: level.imaginary)
    if harmless is None or harmful is None or perturbation not in MEASURED:
        return ""
    column, limit = MEASURED[perturbation], PERTURBATIONS[perturbation][2] * harmless.level
    values = {entry.name: _worst(entry, column) for entry in measured}
    known = {name: value for name, value in values.items() if value is not None}
    if not known:
        return ""
    own = known.get(reference)
    if own is not None and own > limit:
        return (
            f" The unperturbed {reference} has {short(own)} by the measure of other entries, which is therefore not of "
            "the same kind: nothing is said of them."
        )
    beyond = sorted(name for name, value in known.items() if value > limit)
    told = f": {', '.join(beyond)}" if beyond else ""
    verb = "is" if len(beyond) == 1 else "are"
    return f" Of {len(known)} entries measured, {len(beyond)} {verb} beyond at the worst crystal{told}."


def _worst(entry: Entry, column: str) -> float | None:
    """The largest of a figure over crystals."""
    return max((abs(float(str(row[column]))) for row in entry.rows if row.get(column) is not None), default=None)


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


def _kept_unperturbed(curves: Curves, unperturbed: Sequence[Point]) -> str:
    found = [point.relaxation for point in unperturbed if point.relaxation]
    told = [
        f"{sum(one.space_groups[i] == one.space_group_sound for one in found)} at {symprec:g} Å"
        for i, symprec in enumerate(curves.protocol.retention.symprecs)
    ]
    return f"Without a perturbation: of {len(found)}, {', '.join(told)}."


def _picture(
    curves: Curves,
    what: str,
    perturbation: Dial,
    given: Sequence[Level],
    lines: Callable[[Sequence[Level]], list[Line]],
    *,
    logarithmic: bool = False,
) -> Picture:
    name, unit, scale = PERTURBATIONS[perturbation]
    rows: list[dict[str, float | str]] = [
        {"x": scale * level, "y": value, "line": line}
        for line, values in lines(given)
        for level, value in values
        if value is not None and (value > 0 or not logarithmic)
    ]
    told = "; ".join(f"{row['line']} {short(float(row['y']))} at {short(float(row['x']))}" for row in rows)
    return Picture(
        key=f"{curves.entry}/{what}/{perturbation}",
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
    told = tooltips(line=("line", "N"), x=("amplitude", "Q", "~g"), y=("value", "Q", ".2~g"))
    base = alt.Chart(alt.Data(values=list(rows))).encode(x, y, colour)
    dots = base.mark_point(filled=True, size=30).encode(tooltip=told)
    return finish(alt.layer(base.mark_line(strokeWidth=1.5).encode(dash), dots), 140)


def _table(found: dict[Dial, list[Level]]) -> Table:
    def row(perturbation: Dial, level: Level) -> tuple[str, ...]:
        name, unit, scale = PERTURBATIONS[perturbation]
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
        label="All amplitudes of all perturbations",
        columns=(
            *("Perturbation", "Amplitude", "ω error, THz", "full set", "imaginary", "full set"),
            *("symmetry kept", "converged", "steps", "no numbers"),
        ),
        rows=[row(perturbation, level) for perturbation, given in found.items() for level in given],
        texts=2,
    )
