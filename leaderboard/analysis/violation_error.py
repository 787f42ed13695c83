"""Link: over all entries, how far a constraint is broken against how wrong a property is."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

from evaluation.metric import Metric
from evaluation.metrics.constraints import SIZES, verdicts
from evaluation.subset import SUBSETS, Subset
from evaluation.task import Task
from evaluation.tasks.constraints import TASK as CONSTRAINTS
from leaderboard.analysis.rank_correlation import Coefficient, Correlation, correlate
from leaderboard.ranking.board import Board, boards
from leaderboard.ranking.collect import Entry
from zoo.files import json_text

VIOLATIONS = CONSTRAINTS.name
"""The task whose metrics are violations."""
FEWEST_BREAKING = 3
"""Checkpoints that break a constraint, for its violation to have an order."""


@dataclass(frozen=True)
class Dot:
    """An entry with a violation and a property's figure."""

    entry: str
    card: str
    violation: float
    """Zero where the entry keeps the constraint, as far as rounding in its arithmetic lets anybody see: what is left is
    the rounding's size, which says nothing about constraints."""
    measured: float
    """As the constraints task has it."""
    figure: float


@dataclass(frozen=True)
class Pair:
    """One violation against one figure of a property, over all entries that have both."""

    violation: Metric
    metric: Metric
    dots: tuple[Dot, ...]
    correlation: Correlation
    """Of the violation and the property's *error*: the sign of a figure that is better when higher is turned."""


@dataclass(frozen=True)
class Link:
    """All pairs of one property task; its entries ran one subset of it, and one subset of the constraints."""

    task: Task
    subset: Subset
    constraints_subset: Subset
    pairs: tuple[Pair, ...]
    """Violations in the order of their task, and for each the leading metrics of the property."""
    left_out: tuple[str, ...]
    """Entries that ran both, and were trained on another level of theory than the reference's."""

    @property
    def n(self) -> int:
        """Entries that any pair has."""
        return len({dot.entry for pair in self.pairs for dot in pair.dots})


def links(entries: Sequence[Entry]) -> list[Link]:
    """One for each task with a reference, by name, over the subsets that most entries have in common.

    Stale results have no part. Neither have entries of another level of theory than the reference's: their error is
    the theory's too.
    """
    fresh = [entry for entry in entries if not entry.stale]
    all_boards = boards(fresh)
    violating = [board for board in all_boards if board.task.name == VIOLATIONS]
    found: dict[str, Link] = {}
    for board in all_boards:
        if board.task.reference_theory is None or board.task.name == VIOLATIONS:
            continue
        for violations in violating:
            link = _link(board, violations)
            best = found.get(board.task.name)
            if best is None or _rank(link) > _rank(best):
                found[board.task.name] = link
    return [found[name] for name in sorted(found)]


def _rank(link: Link) -> tuple[int, int, int]:
    return link.n, SUBSETS.index(link.subset), SUBSETS.index(link.constraints_subset)


def _link(board: Board, violations: Board) -> Link:
    broken = {place.entry.name: place for place in violations.places}
    both = [place for place in board.places if place.entry.name in broken]
    same = [place for place in both if not place.entry.other_theory]
    kept = {name: _kept(place.entry) for name, place in broken.items()}
    pairs = []
    for violation in violations.task.metrics:
        if (violation.better, violation.best) != ("lower", 0.0):
            continue
        for metric in board.leading:
            dots = []
            for place in sorted(same, key=lambda place: place.entry.name):
                x, y = broken[place.entry.name].score(violation).value, place.score(metric).value
                if x is not None and y is not None:
                    name = place.entry.name
                    violated = 0.0 if violation.name in kept[name] else x
                    dots.append(Dot(name, place.entry.card.name, violation=violated, measured=x, figure=y))
            pairs.append(Pair(violation, metric, tuple(dots), _correlation(dots, metric)))
    return Link(
        task=board.task,
        subset=board.subset,
        constraints_subset=violations.subset,
        pairs=tuple(pairs),
        left_out=tuple(sorted(place.entry.name for place in both if place.entry.other_theory)),
    )


def _kept(entry: Entry) -> set[str]:
    """Metrics of the constraints that an entry keeps within rounding at every crystal."""
    limits = CONSTRAINTS.protocol.thresholds[entry.mode.dtype]
    held = [
        verdict.claim for verdict in verdicts(entry.rows, claims={}, limits=limits) if verdict.status == "confirmed"
    ]
    return {metric for claim in held for metric in SIZES[claim]}


def _correlation(dots: Sequence[Dot], metric: Metric) -> Correlation:
    sign = 1 if metric.better == "lower" else -1
    cards = [dot.card for dot in dots]
    found = correlate([dot.violation for dot in dots], [sign * dot.figure for dot in dots], cards)
    breaking = sorted({dot.card for dot in dots if dot.violation > 0})
    if dots and not breaking:
        return replace(found, reason="no entry breaks it beyond rounding")
    if found.spearman is None or len(breaking) >= FEWEST_BREAKING:
        return found
    # against a crowd at zero one checkpoint is an anecdote; and resamples without it, which have no order, do not count
    who = f"{', '.join(breaking)} alone {'breaks' if len(breaking) == 1 else 'break'} it beyond rounding"
    reason = f"{who}; a correlation takes {FEWEST_BREAKING} checkpoints that do"
    return replace(found, spearman=None, kendall=None, reason=reason)


Cell = str | int | float | None


def flat(found: Sequence[Link]) -> list[dict[str, Cell]]:
    """One row per pair; a correlation that is not there is None."""
    return [
        {
            "task": link.task.name,
            "subset": link.subset,
            "constraints_subset": link.constraints_subset,
            "violation": pair.violation.name,
            "violation_unit": pair.violation.unit,
            "metric": pair.metric.name,
            "metric_unit": pair.metric.unit,
            "entries": pair.correlation.n,
            "checkpoints": pair.correlation.checkpoints,
            **_coefficient("spearman", pair.correlation.spearman),
            **_coefficient("kendall", pair.correlation.kendall),
            "reason": pair.correlation.reason,
        }
        for link in found
        for pair in link.pairs
    ]


def to_json(found: Sequence[Link]) -> str:
    """All correlations with the entries' figures behind them."""
    dots = [
        [
            {"entry": dot.entry, "violation": dot.violation, "measured": dot.measured, "figure": dot.figure}
            for dot in pair.dots
        ]
        for link in found
        for pair in link.pairs
    ]
    return json_text([{**row, "dots": given} for row, given in zip(flat(found), dots, strict=True)])


def to_csv(found: Sequence[Link]) -> str:
    """The correlations alone; no number is an empty cell."""
    rows = flat(found)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["task"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _coefficient(name: str, found: Coefficient | None) -> dict[str, Cell]:
    return {
        name: found.value if found else None,
        f"{name}_low": found.low if found else None,
        f"{name}_high": found.high if found else None,
    }
