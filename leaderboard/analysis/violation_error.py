"""Violation and error: violations of constraints against errors of each property task, over all entries."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evaluation.definitions.constraints import protocol
from evaluation.metric import Metric
from evaluation.metrics.constraints import SIZES, verdicts
from evaluation.subset import SUBSETS, Subset
from evaluation.task import Task
from leaderboard.analysis.rank_correlation import FEWEST_ENTRIES, Coefficient, Correlation, correlate, too_little
from leaderboard.ranking.board import Board, boards
from leaderboard.ranking.collect import Entry
from leaderboard.ranking.rank import MIN_COVERAGE
from zoo.files import json_text

NOT_COMPARED = ("rotation_force_mean", "rotation_force_uncertainty")
"""Of the constraints' metrics: the median's second, and what is no violation."""
VIOLATIONS = "constraints"
"""The task whose metrics are violations."""
FEWEST_BREAKING = 3
"""Checkpoints that must violate a constraint before a coefficient is given."""


@dataclass(frozen=True)
class Dot:
    """An entry with a violation and a score of a property task."""

    entry: str
    card: str
    violation: float
    """Zero where the entry satisfies the constraint within rounding error."""
    measured: float
    """Score of the constraints task, also where it is rounding error alone."""
    figure: float


@dataclass(frozen=True)
class Pair:
    """One violation against one figure of a property, over all entries that have both."""

    violation: Metric
    metric: Metric
    dots: tuple[Dot, ...]
    correlation: Correlation
    """Of the violation and the property's *error*: a score that is better when higher enters with the opposite sign."""


@dataclass(frozen=True)
class TaskCorrelations:
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


def task_correlations(entries: Sequence[Entry]) -> list[TaskCorrelations]:
    """One for each task with a reference, by name, over the subsets that most entries have in common.

    Stale results are excluded. So are entries of another level of theory than the reference's: their error includes
    the difference between the theories.
    """
    fresh = [entry for entry in entries if not entry.stale]
    all_boards = boards(fresh)
    violating = [board for board in all_boards if board.task.name == VIOLATIONS]
    found: dict[str, tuple[Board, Board]] = {}
    for board in all_boards:
        if board.task.reference_theory is None or board.task.name == VIOLATIONS:
            continue
        for violations in violating:
            best = found.get(board.task.name)
            if best is None or _rank(board, violations) > _rank(*best):
                found[board.task.name] = board, violations
    return [_correlations(*found[name]) for name in sorted(found)]


def _rank(board: Board, violations: Board) -> tuple[int, int, int]:
    entries = {dot.entry for _, _, dots in _dots(board, violations) for dot in dots}
    return len(entries), SUBSETS.index(board.subset), SUBSETS.index(violations.subset)


def _correlations(board: Board, violations: Board) -> TaskCorrelations:
    broken = {place.entry.name for place in violations.places}
    both = [place for place in board.places if place.entry.name in broken]
    return TaskCorrelations(
        task=board.task,
        subset=board.subset,
        constraints_subset=violations.subset,
        pairs=tuple(
            Pair(violation, metric, tuple(dots), _correlation(dots, metric))
            for violation, metric, dots in _dots(board, violations)
        ),
        left_out=tuple(sorted(place.entry.name for place in both if place.entry.other_theory)),
    )


def _dots(board: Board, violations: Board) -> Iterator[tuple[Metric, Metric, list[Dot]]]:
    """Each violation with each figure of a property, and the entries that have both, at half of the samples or more."""
    broken = {place.entry.name: place for place in violations.places}
    same = [place for place in board.places if place.entry.name in broken and not place.entry.other_theory]
    kept = {name: _kept(place.entry) for name, place in broken.items()}
    for violation in violations.task.metrics:
        if (violation.better, violation.best) != ("lower", 0.0) or violation.name in NOT_COMPARED:
            continue
        for metric in board.leading:
            dots = []
            for place in sorted(same, key=lambda place: place.entry.name):
                x, score = broken[place.entry.name].score(violation).value, place.score(metric)
                y = score.value if score.n >= MIN_COVERAGE * board.samples else None
                if x is not None and y is not None:
                    name = place.entry.name
                    violated = 0.0 if violation.name in kept[name] else x
                    dots.append(Dot(name, place.entry.card.name, violation=violated, measured=x, figure=y))
            yield violation, metric, dots


def _kept(entry: Entry) -> set[str]:
    """Metrics of the constraints that an entry satisfies within rounding error at every crystal."""
    limits = protocol().thresholds[entry.mode.dtype]
    held = [
        verdict.claim for verdict in verdicts(entry.rows, claims={}, limits=limits) if verdict.status == "confirmed"
    ]
    return {metric for claim in held for metric in SIZES[claim]}


def _correlation(dots: Sequence[Dot], metric: Metric) -> Correlation:
    sign = 1 if metric.better == "lower" else -1
    cards = [dot.card for dot in dots]
    violations, errors = [dot.violation for dot in dots], [sign * dot.figure for dot in dots]
    breaking = sorted({dot.card for dot in dots if dot.violation > 0})
    if len(dots) >= FEWEST_ENTRIES and not breaking:
        return Correlation(None, None, len(dots), len(set(cards)), "all entries are within rounding error")
    if len(breaking) >= FEWEST_BREAKING:
        return correlate(violations, errors, cards)
    if found := too_little(violations, errors, cards):
        return found
    # with all others at zero, one checkpoint decides the order alone, and resamples without it have none
    who = f"{' and '.join(breaking)} alone {'is' if len(breaking) == 1 else 'are'} beyond rounding error"
    reason = f"{who}; a correlation takes {FEWEST_BREAKING} checkpoints that do"
    return Correlation(None, None, len(dots), len(set(cards)), reason)


Cell = str | int | float | None


def flat(found: Sequence[TaskCorrelations]) -> list[dict[str, Cell]]:
    """One row per pair; a missing coefficient is None."""
    return [
        {
            "task": correlations.task.name,
            "subset": correlations.subset,
            "constraints_subset": correlations.constraints_subset,
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
        for correlations in found
        for pair in correlations.pairs
    ]


def to_json(found: Sequence[TaskCorrelations]) -> str:
    """All correlations with the entries' figures behind them."""
    dots = [
        [
            {"entry": dot.entry, "violation": dot.violation, "measured": dot.measured, "figure": dot.figure}
            for dot in pair.dots
        ]
        for correlations in found
        for pair in correlations.pairs
    ]
    return json_text([{**row, "dots": given} for row, given in zip(flat(found), dots, strict=True)])


def to_csv(found: Sequence[TaskCorrelations]) -> str:
    """The coefficients alone; a missing one is an empty cell."""
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
