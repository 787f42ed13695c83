"""Training series: what data, steps and parameters do to constraint violations and errors of one architecture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evaluation.studies.rotational_error_data import COMMAND
from evaluation.subset import SUBSETS
from leaderboard.analysis import training_series as series
from leaderboard.analysis.training_series import (
    ERROR,
    FORCE,
    FORCE_ERROR,
    QUANTITIES,
    SHARE,
    Axis,
    Choice,
    Exponent,
    Member,
    Quantity,
)
from leaderboard.articles.article import Article, Part, Table
from leaderboard.articles.evidence import Evidence
from leaderboard.charts.log_axis import log_axis
from leaderboard.charts.spec import Picture, Spec, finish, tooltips
from leaderboard.formatting import NOTHING, capitalised, figure, interval, short
from leaderboard.ranking.collect import Entry
from zoo.files import json_text

NETWORKS = {"pet": "PET", "sevennet": "SevenNet"}
AXES: dict[Axis, str] = {
    "data": "share of the training frames",
    "steps": "training steps",
    "parameters": "parameters",
}
CHOICES: dict[Choice, str] = {"seed": "another seed", "rotated": "frames not rotated"}
FEWEST_POINTS = 3
"""On an axis, for a verdict: through two points there is always a line."""


@dataclass(frozen=True)
class Head:
    """A member's forces of one kind: a line in the pictures."""

    network: str
    forces: str

    def __str__(self) -> str:
        return f"{NETWORKS[self.network]}, {self.forces}"


@dataclass(frozen=True)
class Measured:
    """All figures of the series."""

    members: Sequence[Member]
    values: Mapping[tuple[str, str, str], Mapping[str, float]]
    """(card, forces, quantity) → sample → figure."""
    heads: Sequence[Head]

    def line(self, head: Head, axis: Axis, quantity: Quantity) -> list[tuple[Member, Mapping[str, float]]]:
        """Members along an axis with their figures; those without any are left out."""
        found = (
            (member, self.values.get((member.card, head.forces, quantity.key), {}))
            for member in series.along(self.members, axis, head.network)
        )
        return [(member, values) for member, values in found if values]

    def exponent(self, head: Head, axis: Axis, quantity: Quantity) -> Exponent | None:
        """Of the quantity along an axis."""
        points = self.line(head, axis, quantity)
        x = [member.at(axis) for member, _ in points]
        return series.exponent(x, [values for _, values in points])

    def chance(self, head: Head, axis: Axis, quantity: Quantity) -> float | None:
        """The exponent that another seed's factor would look like over the whole axis; None without another seed."""
        x = [member.at(axis) for member, _ in self.line(head, axis, quantity)]
        pairs = [pair for pair in series.beside(self.members, "seed") if pair[0].network == head.network]
        factors = [
            changed.value
            for pair in pairs
            if (changed := series.factor(*(self.values.get((m.card, head.forces, quantity.key), {}) for m in pair)))
        ]
        if not factors or len(set(x)) < 2:
            return None
        return max(abs(math.log(factor)) for factor in factors) / math.log(max(x) / min(x))

    def mean(self, member: Member, head: Head, quantity: Quantity) -> float | None:
        """The figure's mean over samples."""
        values = self.values.get((member.card, head.forces, quantity.key), {})
        return sum(values.values()) / len(values) if values else None


def article(evidence: Evidence) -> Article:
    """The page; without results it says which commands make them."""
    found = _measured(evidence)
    return Article(
        name="training-series",
        title="Can training data replace the constraint?",
        lede="One architecture without built-in rotational equivariance or conservative forces, trained on graded "
        "shares of the same frames, for graded numbers of steps and in several sizes, beside an equivariant and "
        "conservative network on the same frames. What each training costs in constraint violation and in error.",
        parts=[*_parts(found)] or [_nothing()],
        notes=(
            "A point is a checkpoint. All were trained by this project from committed recipes and differ in what the "
            "axis says alone. Part of the frames was labelled by an equivariant and conservative model (Nequix OAM-1), "
            "so that the labels violate no constraint beyond rounding: every violation is the trained model's own.",
            "An exponent b means that the quantity goes as x to the power of b. Brackets are 95 % intervals over "
            "resamples of the samples, the same for all points of a line; they say nothing of other seeds, of which "
            "there is one but where stated. What another seed does to one training, a factor f, would look like an "
            "exponent of ln f over ln of the axis' range: no smaller one is told from chance.",
            "The rotational share is the variance of a frame's forces over orientations, over their mean square error "
            "against DFT, averaged over frames that no training has seen: what averaging over orientations would "
            "remove. Frames with an error below 1 meV/Å are left out. Some of these frames have forces beyond those "
            "that the trainings saw.",
            f"These models are small{_sizes(found.members)}, and trained for ten minutes to two hours of one core. "
            "What holds for them need not hold for large ones.",
        ),
        downloads={"training-series.json": _json(found)},
    )


def _sizes(members: Sequence[Member]) -> str:
    numbers = [member.parameters for member in members]
    return f", of {min(numbers):,} to {max(numbers):,} parameters" if numbers else ""


def _measured(evidence: Evidence) -> Measured:
    cards = {entry.card.name: entry.card for entry in evidence.entries}
    found = series.members({name: card.parameters for name, card in cards.items()})
    names = {member.card for member in found}
    measured: dict[tuple[str, str, str], Mapping[str, float]] = {}
    for entry in _largest(evidence):
        if entry.card.name in names and _plain(entry):
            for quantity in (*QUANTITIES, FORCE_ERROR, FORCE):
                if quantity.task == entry.task.name and (figures := series.figures(entry, quantity.column)):
                    measured[entry.card.name, entry.mode.forces, quantity.key] = figures
    for errors in evidence.rotational_errors:
        card, _, mode = errors.entry.partition("@")
        if card in names and mode in ("conservative", "direct"):
            for quantity in (ERROR, SHARE):
                measured[card, mode, quantity.key] = series.frame_figures(errors, quantity.column)
    values = _shared(measured)
    networks = {member.card: member.network for member in found}
    heads = sorted({(networks[card], forces) for card, forces, _ in values})
    return Measured(found, values, [Head(*head) for head in heads])


def _shared(values: Mapping[tuple[str, str, str], Mapping[str, float]]) -> dict[tuple[str, str, str], dict[str, float]]:
    """Each quantity at the samples where all members that have it have a number: some ran more than others."""
    common: dict[str, set[str]] = {}
    for (*_, key), figures in values.items():
        common[key] = common.get(key, set(figures)) & figures.keys()
    return {
        (card, forces, key): {sample: figure for sample, figure in figures.items() if sample in common[key]}
        for (card, forces, key), figures in values.items()
        if common[key]
    }


def _largest(evidence: Evidence) -> Iterator[Entry]:
    """Fresh entries, those of a larger subset after those of a smaller one."""
    fresh = (entry for entry in evidence.entries if not entry.stale)
    yield from sorted(fresh, key=lambda entry: SUBSETS.index(entry.result.run.subset))


def _plain(entry: Entry) -> bool:
    """Whether the mode is nothing but a choice of forces."""
    return entry.name == f"{entry.card.name}@{entry.mode.forces}"


def _nothing() -> Part:
    return Part(
        title="No results",
        sentences=("No checkpoint of the series has results.",),
        command=f"mlip-zoo evaluate {series.BASE} --task constraints",
    )


def _parts(found: Measured) -> Iterator[Part]:
    if not found.heads:
        return
    yield Part(title="What the series says", sentences=[*_verdicts(found)])
    yield Part(title="Trainings", table=_members(found), wide=True)
    for axis, label in AXES.items():
        pictures = [*_pictures(found, axis)]
        if pictures:
            yield Part(
                title=f"Against the {label}",
                pictures=pictures,
                caption=f"Means over samples, both axes logarithmic; across: {label}. "
                "Dashed: direct forces; solid: the gradient.",
                table=_exponents(found, axis),
            )
    yield from _choices(found)
    missing = [
        m.card for m in found.members if not any(key[0] == m.card and key[2] == SHARE.key for key in found.values)
    ]
    if missing:
        yield Part(
            title="Not measured yet",
            sentences=(f"The rotational share of {', '.join(missing)}.",),
            command=COMMAND,
        )


def _verdicts(found: Measured) -> Iterator[str]:
    if told := _of_plateau(found):
        yield told
    yield _of_share(found)
    yield _of_violation(found)
    if told := _of_steps(found):
        yield told
    yield _of_constrained(found)


def _of_plateau(found: Measured) -> str | None:
    """A training starts where a model predicts no forces, and may stay there."""
    known = sorted(
        (relative, f"{member.card}, {head.forces}")
        for member in found.members
        for head in found.heads
        if head.network == member.network and (relative := _over_no_forces(found, member, head)) is not None
    )
    if not known:
        return None
    better = sum(relative < 1 for relative, _ in known)
    (best, of_best), (worst, of_worst) = known[0], known[-1]
    return (
        "Is it better than predicting no forces at all? By root mean square error over unseen frames, "
        f"{better} of {len(known)} are: from {best:.2f} of the error of zero forces ({of_best}) to {worst:.2f} "
        f"({of_worst}). A rotation error that is small where the forces are is no virtue."
    )


def _over_no_forces(found: Measured, member: Member, head: Head) -> float | None:
    error, force = (found.mean(member, head, quantity) for quantity in (FORCE_ERROR, FORCE))
    return error / 1000 / force if error and force else None


def _of_share(found: Measured) -> str:
    """Two published claims exclude each other: the share is flat, and the share falls with data."""
    claims = (
        "Is the rotational share of the error flat in the amount of data (arXiv 2512.02303), or does it fall "
        "(arXiv 2601.16195)?"
    )
    told = []
    for head in found.heads:
        slope = found.exponent(head, "data", SHARE)
        if slope is None or slope.points < FEWEST_POINTS:
            continue
        chance = found.chance(head, "data", SHARE)
        if slope.low <= 0 <= slope.high:
            verdict = "undecided: a flat share is within the interval"
        elif chance is not None and abs(slope.value) <= chance:
            verdict = "undecided: another seed changes as much"
        else:
            verdict = "it falls" if slope.high < 0 else "it rises"
        told.append(f"{head}: exponent {_told(slope)}{_of_seed(chance)}, {verdict}")
    return f"{claims} {'; '.join(told)}." if told else f"{claims} Undecided: fewer than three shares of data measured."


def _of_violation(found: Measured) -> str:
    question = "Does the violation itself fall with data?"
    quantity = QUANTITIES[0]
    told = []
    for head in found.heads:
        points = found.line(head, "data", quantity)
        slope = found.exponent(head, "data", quantity)
        if slope is None or head.network != "pet":
            continue
        first, last = (found.mean(member, head, quantity) for member, _ in (points[0], points[-1]))
        told.append(
            f"{head}: from {short(first)} to {short(last)} {quantity.unit} over a factor of "
            f"{points[-1][0].share / points[0][0].share:.0f} in data, exponent {_told(slope)}"
            f"{_of_seed(found.chance(head, 'data', quantity))}"
        )
    return f"{question} {capitalised(quantity.label)}. {'; '.join(told)}." if told else f"{question} Not measured yet."


def _of_seed(chance: float | None) -> str:
    return "" if chance is None else f" (another seed: {figure(chance, 2)})"


def _of_steps(found: Measured) -> str | None:
    """Whether a short budget imitates a lack of data, by what both do to one network."""
    told = []
    for head in found.heads:
        both = []
        for quantity in (*QUANTITIES, ERROR, SHARE):
            steps, data = (found.exponent(head, axis, quantity) for axis in ("steps", "data"))
            if steps and data and min(steps.points, data.points) >= FEWEST_POINTS:
                both.append((quantity.label, _direction(steps), _direction(data), steps, data))
        if not both:
            continue
        alike = [
            f"{label} ({figure(steps.value, 2)} in steps, {figure(data.value, 2)} in data)"
            for label, in_steps, in_data, steps, data in both
            if in_steps == in_data != 0
        ]
        unlike = [label for label, in_steps, in_data, *_ in both if in_steps * in_data < 0]
        told.append(
            f"{head}: both axes move {', '.join(alike) or 'none'} the same way"
            f"{' and ' + ', '.join(unlike) + ' opposite ways' if unlike else ''}, of {len(both)} quantities"
        )
    if not told:
        return None
    return (
        "Does a short training look like a lack of data? Exponents whose intervals exclude zero. "
        + "; ".join(told)
        + "."
    )


def _direction(slope: Exponent) -> int:
    """-1: it falls, 1: it rises, 0: its interval has zero."""
    return 0 if slope.low <= 0 <= slope.high else -1 if slope.high < 0 else 1


def _of_constrained(found: Measured) -> str:
    question = "Do errors of the constrained network fall with a steeper exponent (arXiv 2510.09768)?"
    slopes = {str(head): found.exponent(head, "data", ERROR) for head in found.heads}
    known = {head: slope for head, slope in slopes.items() if slope}
    if not any(head.startswith(NETWORKS["sevennet"]) for head in known):
        return f"{question} Undecided: the constrained sibling has fewer than two measured trainings."
    told = "; ".join(f"{head}, {_told(slope)} over {slope.points} shares" for head, slope in known.items())
    few = any(slope.points < FEWEST_POINTS for slope in known.values())
    note = " Undecided: two shares of data and one seed each." if few else ""
    return f"{question} Exponents of the root mean square force error on unseen frames: {told}.{note}"


def _choices(found: Measured) -> Iterator[Part]:
    """What is no axis: how much of a difference between two trainings is chance, and what rotating frames does."""
    rows = []
    for choice, label in CHOICES.items():
        for usual, other in series.beside(found.members, choice):
            for head in found.heads:
                if head.network != usual.network:
                    continue
                for quantity in (*QUANTITIES, ERROR, SHARE):
                    values = [found.values.get((m.card, head.forces, quantity.key), {}) for m in (usual, other)]
                    if changed := series.factor(*values):
                        rows.append((label, other.card, str(head), capitalised(quantity.label), _told(changed)))
    if rows:
        yield Part(
            title="A second seed, and frames that are not rotated",
            sentences=(
                "Each figure over that of the training that differs in this alone; brackets are 95 % intervals over "
                "resamples of the samples.",
                "What a second seed does is chance.",
            ),
            table=Table(
                label="What a second seed and frames that are not rotated change",
                columns=("Changed", "checkpoint", "network, forces", "quantity", "factor"),
                rows=rows,
                texts=4,
            ),
        )


def _told(slope: Exponent) -> str:
    return f"{figure(slope.value, 2)} {interval(slope.low, slope.high, 2)}".strip()


def _members(found: Measured) -> Table:
    shown = (*QUANTITIES, ERROR, SHARE)
    rows = []
    for member in found.members:
        for head in found.heads:
            if head.network != member.network:
                continue
            figures = [found.mean(member, head, quantity) for quantity in shown]
            if any(value is not None for value in figures):
                rows.append(
                    (
                        member.card,
                        head.forces,
                        f"{member.share:.2g}",
                        f"{member.steps:,}",
                        f"{member.parameters:,}",
                        "yes" if member.rotated else "no",
                        *(NOTHING if v is None else short(v) for v in (*figures, _over_no_forces(found, member, head))),
                    )
                )
    columns = (
        *("Checkpoint", "forces", "share of frames", "steps", "parameters", "rotations"),
        *(f"{q.label}, mean, {q.unit}" if q.unit else f"{q.label}, mean" for q in shown),
        "force error over that of zero forces",
    )
    return Table(label="The trainings of the series and what was measured", columns=columns, rows=rows, texts=2)


def _exponents(found: Measured, axis: Axis) -> Table | None:
    rows = [
        (capitalised(quantity.label), str(head), str(slope.points), str(slope.samples), _told(slope))
        for quantity in (*QUANTITIES, ERROR, SHARE)
        for head in found.heads
        if (slope := found.exponent(head, axis, quantity))
    ]
    if not rows:
        return None
    return Table(
        label=f"Exponents against the {AXES[axis]}",
        columns=("Quantity", "network, forces", "trainings", "samples", "exponent"),
        rows=rows,
        texts=2,
    )


def _pictures(found: Measured, axis: Axis) -> Iterator[Picture]:
    for quantity in (*QUANTITIES, ERROR, SHARE):
        lines: dict[str, list[tuple[float, float, str]]] = {}
        for head in found.heads:
            points = [
                (member.at(axis), mean, member.card)
                for member, _ in found.line(head, axis, quantity)
                if (mean := found.mean(member, head, quantity))
            ]
            if points:
                lines[str(head)] = points
        if any(len(points) > 1 for points in lines.values()):
            title = f"{quantity.label}, {quantity.unit}" if quantity.unit else quantity.label
            told = "; ".join(
                f"{head}: {', '.join(f'{short(y)} at {short(x)}' for x, y, _ in points)}"
                for head, points in lines.items()
            )
            yield Picture(
                key=f"{axis}/{quantity.key}",
                title=capitalised(title),
                spec=_spec(lines, AXES[axis], title),
                alt=f"{capitalised(title)} against the {AXES[axis]}. {told}.",
            )


def _spec(lines: Mapping[str, Sequence[tuple[float, float, str]]], across: str, title: str) -> Spec:
    import altair as alt

    rows = [
        {"head": head, "x": x, "y": y, "card": card, "direct": head.endswith("direct")}
        for head, points in lines.items()
        for x, y, card in points
    ]
    xs, ys = ([float(row[name]) for row in rows] for name in ("x", "y"))  # type: ignore[arg-type]
    x = alt.X("x:Q").title(None).scale(type="log", nice=False, padding=8).axis(log_axis(xs, grid=False))
    y = alt.Y("y:Q").title(None).scale(type="log", nice=False, padding=8).axis(log_axis(ys))
    told = tooltips(
        card=("checkpoint", "N"), head=("network, forces", "N"), x=(across, "Q", ".3~g"), y=(title, "Q", ".3~g")
    )
    names = sorted(lines)
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=x,
        y=y,
        color=alt.Color("head:N").scale(domain=names).legend(orient="bottom", title=None, columns=1),
        strokeDash=alt.StrokeDash("direct:N").scale(domain=[False, True], range=[[1, 0], [4, 3]]).legend(None),
    )
    return finish(base.mark_line() + base.mark_point(filled=True, size=60).encode(tooltip=told), 190)


def _json(found: Measured) -> str:
    return json_text(
        [
            {
                "checkpoint": member.card,
                "forces": head.forces,
                "share": member.share,
                "steps": member.steps,
                "parameters": member.parameters,
                "rotations": member.rotated,
                **{q.key: found.mean(member, head, q) for q in (*QUANTITIES, ERROR, SHARE)},
            }
            for member in found.members
            for head in found.heads
            if head.network == member.network
        ]
    )
