"""Averaging: what averaging over orientations costs, and what it gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from leaderboard.analysis.violation_error import VIOLATIONS
from leaderboard.articles.article import Article, Part
from leaderboard.articles.evidence import Evidence
from leaderboard.articles.findings.frame_averaging import Compared, averaged_pairs, frame_averaging_findings
from leaderboard.articles.findings.mitigation import mitigation_findings
from leaderboard.formatting import short
from zoo.cards.mode import Mode


def article(evidence: Evidence) -> Article:
    """The page; without results it says what the average costs by construction, and what measures the rest."""
    pairs = list(averaged_pairs(evidence))
    return Article(
        name="averaging",
        title="What does averaging cost?",
        lede=" ".join([_construction(), *_measured(pairs)]),
        parts=[*frame_averaging_findings(evidence), *mitigation_findings(evidence)]
        or [
            Part(
                title="Not measured yet",
                sentences=("No entry was run with and without averaging.",),
                command="mlip-zoo evaluate pet-tiny@direct+o3-3 --task constraints",
            )
        ],
        notes=(
            "Averaging evaluates a crystal in several orientations and takes the mean of the answers rotated back. "
            "It makes forces equivariant up to a degree of their error; it does not make them the gradient of an "
            "energy, and not more accurate by itself.",
            "A factor of measured time is the ratio of an entry's relative costs with and without averaging. Batches "
            "of rotated copies can take less than that many single evaluations.",
        ),
    )


def _construction() -> str:
    costs = {name: Mode(averaging=name).cost_force_calls for name in ("o3-3", "o3-5", "o3-7")}
    told = ", ".join(f"{cost} ({name})" for name, cost in costs.items())
    return (
        f"Averaging over rotations takes {told} model evaluations for one answer, twice as many with inversion; "
        "over the crystal's own space group, or in one random orientation, it takes one."
    )


def _measured(pairs: Sequence[Compared]) -> Iterator[str]:
    """Measured factors of time and of the rotation error, by kind of averaging."""
    kinds = sorted({each.averaged.mode.averaging for each in pairs})
    for kind in kinds:
        mine = [each for each in pairs if each.averaged.mode.averaging == kind]
        costs = [each.cost for each in mine if each.cost]
        rotation = [each for each in mine if each.averaged.task.name == VIOLATIONS]
        gains = [each.before / each.after for each in rotation if each.after > 0]
        told = []
        if costs:
            told.append(f"takes {_between(costs)} times the time of a single evaluation")
        if gains:
            told.append(f"lowers the rotation error of the forces by a factor of {_between(gains)}")
        if told:
            yield f"Measured here, {kind} {' and '.join(told)}."


def _between(values: Sequence[float]) -> str:
    low, high = short(min(values)), short(max(values))
    return low if low == high else f"{low} to {high}"
