"""Training questions: what the series says of published claims, decided by intervals or said to be undecided."""

from __future__ import annotations

from collections.abc import Iterator

from leaderboard.analysis.training_series import ERROR, QUANTITIES, SHARE, Exponent
from leaderboard.articles.training_figures import NETWORKS, Head, Measured
from leaderboard.formatting import capitalised, figure, interval, short

FEWEST_POINTS = 3
"""On an axis, for a verdict: through two points there is always a line."""
NO_BETTER = 0.95
"""Times the error of zero forces: above it a model is no better than one that predicts none."""


def answers(found: Measured) -> Iterator[str]:
    """A question and its answer each."""
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
        if head.network == member.network and (relative := found.over_no_forces(member, head)) is not None
    )
    if not known:
        return None
    better = sum(relative < 1 for relative, _ in known)
    (best, of_best), (worst, of_worst) = known[0], known[-1]
    return (
        "Is it better than predicting no forces at all? By the mean root mean square error of the unseen frames of the "
        f"task forces that all ran, {better} of {len(known)} are: from {best:.2f} of the error of zero forces "
        f"({of_best}) to {worst:.2f} ({of_worst}). A rotation error that is small where the forces are is no virtue."
    )


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
        blind = _blind(found, head)
        if blind:
            verdict = f"undecided: {blind} predict forces no better than zero"
        elif slope.low <= 0 <= slope.high:
            verdict = "undecided: a flat share is within the interval"
        elif chance is not None and abs(slope.value) <= chance:
            verdict = "undecided: another seed changes as much"
        else:
            verdict = "it falls" if slope.high < 0 else "it rises"
        told.append(f"{head}: exponent {exponent_told(slope)}{_of_seed(chance)}, {verdict}")
    return f"{claims} {'; '.join(told)}." if told else f"{claims} Undecided: fewer than three shares of data measured."


def _blind(found: Measured, head: Head) -> str:
    """Members of the axis of data whose forces are no better than none: `2 of 4`; empty where all are better.

    A model that hardly predicts forces can hardly predict them wrongly turned.
    """
    members = [member for member, _ in found.line(head, "data", QUANTITIES[0])]
    ratios = [ratio for member in members if (ratio := found.over_no_forces(member, head)) is not None]
    worse = sum(ratio > NO_BETTER for ratio in ratios)
    return f"{worse} of {len(ratios)}" if worse else ""


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
            f"{points[-1][0].share / points[0][0].share:.0f} in data, exponent {exponent_told(slope)}"
            f"{_of_seed(found.chance(head, 'data', quantity))}"
            f"{_of_blind(found, head)}"
        )
    return f"{question} {capitalised(quantity.label)}. {'; '.join(told)}." if told else f"{question} Not measured yet."


def _of_blind(found: Measured, head: Head) -> str:
    blind = _blind(found, head)
    return f", where {blind} along the data predict forces no better than zero" if blind else ""


def _of_seed(chance: float | None) -> str:
    return "" if chance is None else f" (another seed: {figure(chance, 2)})"


def _of_steps(found: Measured) -> str | None:
    """Whether a short budget imitates a lack of data, by what both do to one network."""
    told = []
    for head in found.heads:
        alike: list[str] = []
        opposite: list[str] = []
        measured = 0
        for quantity in (*QUANTITIES, ERROR, SHARE):
            steps, data = (found.exponent(head, axis, quantity) for axis in ("steps", "data"))
            if steps is None or data is None or min(steps.points, data.points) < FEWEST_POINTS:
                continue
            measured += 1
            both = f"{quantity.label} ({figure(steps.value, 2)} in steps, {figure(data.value, 2)} in data)"
            agreement = _direction(steps) * _direction(data)
            if agreement:
                (alike if agreement > 0 else opposite).append(both)
        if measured:
            told.append(
                f"{head}, of {measured} quantities: the same way go {' and '.join(alike) or 'none'}; opposite ways "
                f"{' and '.join(opposite) or 'none'}{_of_blind(found, head)}"
            )
    if not told:
        return None
    return (
        "Does a short training look like a lack of data? What the exponents of both axes say whose intervals exclude "
        f"zero. {'. '.join(told)}."
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
    told = "; ".join(f"{head}, {exponent_told(slope)} over {slope.points} shares" for head, slope in known.items())
    few = any(slope.points < FEWEST_POINTS for slope in known.values())
    note = " Undecided: two shares of data and one seed each." if few else ""
    return f"{question} Exponents of the root mean square force error on unseen frames: {told}.{note}"


def exponent_told(slope: Exponent) -> str:
    """An exponent with its interval."""
    return f"{figure(slope.value, 2)} {interval(slope.low, slope.high, 2)}".strip()
