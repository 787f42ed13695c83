"""Training series: what data, steps and parameters do to constraint violations and errors of one architecture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from evaluation.studies.rotational_error_data import COMMAND
from leaderboard.analysis import training_series as series
from leaderboard.analysis.training_series import (
    ERROR,
    QUANTITIES,
    SHARE,
    Axis,
    Choice,
    Member,
)
from leaderboard.articles.article import Article, Part, Table
from leaderboard.articles.evidence import Evidence
from leaderboard.articles.training_figures import Measured, measured
from leaderboard.articles.training_questions import answers, exponent_told
from leaderboard.charts.log_axis import log_axis
from leaderboard.charts.spec import Picture, Spec, finish, tooltips
from leaderboard.formatting import NOTHING, capitalised, short
from zoo.files import json_text

AXES: dict[Axis, str] = {
    "data": "share of the training frames",
    "steps": "training steps",
    "parameters": "parameters",
}
CHOICES: dict[Choice, str] = {"seed": "another seed", "rotated": "frames not rotated"}


def article(evidence: Evidence) -> Article:
    """The page; without results it says which commands make them."""
    found = measured(evidence)
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
            "The equivariant network's width is such that one of its steps costs what one of PET's does: equal steps "
            "are equal core-hours. CPU times are of machines with other work: of like trainings they differ by two.",
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


def _nothing() -> Part:
    return Part(
        title="No results",
        sentences=("No checkpoint of the series has results.",),
        command=f"mlip-zoo evaluate {series.BASE} --task constraints",
    )


def _parts(found: Measured) -> Iterator[Part]:
    if not found.heads:
        return
    yield Part(title="What the series says", sentences=[*answers(found)])
    yield Part(title="Trainings", table=_members(found), wide=True)
    for axis, label in AXES.items():
        pictures = [*_pictures(found, axis)]
        if pictures:
            yield Part(
                title=f"Against the {label}",
                pictures=pictures,
                caption=f"Means over samples, both axes logarithmic; across: {label}. "
                "Dashed: direct forces; solid: the gradient. A mean of zero is not drawn.",
                table=_exponents(found, axis),
            )
    yield from _choices(found)
    missing = [
        f"{member.card}@{head.forces}"
        for member in found.members
        for head in found.heads
        if head.network == member.network and (member.card, head.forces, SHARE.key) not in found.values
    ]
    if missing:
        yield Part(
            title="Not measured yet",
            sentences=(f"The rotational share of {', '.join(missing)}.",),
            command=COMMAND,
        )


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
                        rows.append((label, other.card, str(head), capitalised(quantity.label), exponent_told(changed)))
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
                        NOTHING if member.cpu_seconds is None else f"{member.cpu_seconds / 60:.0f}",
                        *(NOTHING if v is None else short(v) for v in (*figures, found.over_no_forces(member, head))),
                    )
                )
    columns = (
        *("Checkpoint", "forces", "share of frames", "steps", "parameters", "rotations", "CPU time, min"),
        *(f"{q.label}, mean, {q.unit}" if q.unit else f"{q.label}, mean" for q in shown),
        "force error over that of zero forces",
    )
    return Table(label="The trainings of the series and what was measured", columns=columns, rows=rows, texts=2)


def _exponents(found: Measured, axis: Axis) -> Table | None:
    rows = [
        (capitalised(quantity.label), str(head), str(slope.points), str(slope.samples), exponent_told(slope))
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
                spec=_spec(lines, [str(head) for head in found.heads], AXES[axis], title),
                alt=f"{capitalised(title)} against the {AXES[axis]}. {told}.",
            )


def _spec(
    lines: Mapping[str, Sequence[tuple[float, float, str]]], heads: Sequence[str], across: str, title: str
) -> Spec:
    """`heads`: all of the page, so that each has one colour in every picture."""
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
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=x,
        y=y,
        color=alt.Color("head:N")
        .scale(domain=heads)
        .legend(orient="bottom", title=None, columns=1, values=sorted(lines)),
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
                "cpu_seconds": member.cpu_seconds,
                **{q.key: found.mean(member, head, q) for q in (*QUANTITIES, ERROR, SHARE)},
            }
            for member in found.members
            for head in found.heads
            if head.network == member.network
        ]
    )
