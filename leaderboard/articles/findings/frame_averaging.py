"""Frame averaging: accuracy gain and cost of averaging over orientations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import mean
from typing import TYPE_CHECKING, cast

import numpy as np

from evaluation.metric import Metric, bootstrap_interval
from leaderboard.analysis.violation_error import VIOLATIONS
from leaderboard.articles.article import Part, Table
from leaderboard.articles.evidence import Evidence
from leaderboard.articles.findings.pairs import common
from leaderboard.formatting import interval, short
from leaderboard.ranking.cost import TASK as TIMING
from leaderboard.ranking.cost import relative_costs

if TYPE_CHECKING:
    from evaluation.task import Task
    from leaderboard.ranking.collect import Entry


def frame_averaging_findings(evidence: Evidence) -> list[Part]:
    """Accuracy gain and cost of averaging over orientations, for each task with both entries."""
    compared = list(averaged_pairs(evidence))
    if not compared:
        return []
    return [
        Part(
            title="Frame averaging: accuracy gain and cost of averaging over orientations",
            sentences=[_said(each) for each in compared],
            table=Table(
                label="With and without averaging, on the samples that both entries have",
                columns=("Entry", "Task", "metric", "samples", "single", "averaged", "change", "95 % interval", "cost"),
                rows=[_row(each) for each in compared],
                texts=3,
            ),
        )
    ]


@dataclass(frozen=True)
class Compared:
    """An entry and the same one averaged over orientations, on the samples that both have."""

    single: Entry
    averaged: Entry
    metric: Metric
    n: int
    before: float
    after: float
    low: float | None
    high: float | None
    """Interval of after - before, over samples."""
    cost: float | None
    """Relative cost of the averaged entry over that of the other one; None where either was not timed."""

    @property
    def label(self) -> str:
        """What the figure of a sample is called; `before` and `after` are means, whatever average the score is."""
        return f"{self.metric.of_sample}, mean"

    @property
    def settled(self) -> bool:
        return self.low is not None and self.high is not None and self.low * self.high > 0

    @property
    def better(self) -> bool:
        return (self.after < self.before) == (self.metric.better == "lower")


def _metric(task: Task) -> Metric:
    """The one that ranks the task; of the constraints the rotation error, which frame averaging reduces."""
    wanted = "rotation_force" if task.name == VIOLATIONS else task.metrics[0].name
    return next(metric for metric in task.metrics if metric.name == wanted)


def averaged_pairs(evidence: Evidence) -> Iterator[Compared]:
    """Pairs of entries that differ in averaging alone."""
    fresh = {(entry.task.name, entry.name): entry for entry in evidence.entries if not entry.stale and entry.rows}
    costs = relative_costs(evidence.entries)
    for averaged in fresh.values():
        if averaged.mode.averaging == "none" or averaged.task.name == TIMING:
            continue
        mode = averaged.mode.model_copy(update={"averaging": "none"})
        single = fresh.get((averaged.task.name, f"{averaged.card.name}@{mode}"))
        if single is None:
            continue
        metric = _metric(averaged.task)
        values = [(a[metric.name], b[metric.name]) for a, b in common(single, averaged)]
        both = [(cast(float, a), cast(float, b)) for a, b in values if a is not None and b is not None]
        if not both:
            continue
        change = np.array([b - a for a, b in both])
        low, high = bootstrap_interval(change)
        before, after = (mean(each) for each in zip(*both, strict=True))
        single_cost, averaged_cost = costs.get(single.name), costs.get(averaged.name)
        cost = averaged_cost.value / single_cost.value if single_cost and averaged_cost else None
        yield Compared(single, averaged, metric, len(both), before, after, low, high, cost)


def _said(each: Compared) -> str:
    cost = f", at {short(each.cost)} times the cost" if each.cost else ""
    numbers = f"from {short(each.before, 3)} to {short(each.after, 3)} {each.metric.unit}".rstrip()
    verdict = "an improvement" if each.better else "a deterioration"
    if not each.settled:
        verdict = "a difference that is not significant on these samples"
    return (
        f"{each.averaged.name}, {each.averaged.task.title.lower()}: {each.label} changes {numbers} on {each.n} "
        f"{'sample' if each.n == 1 else 'samples'}, {verdict}{cost}."
    )


def _row(each: Compared) -> tuple[str, ...]:
    unit = f", {each.metric.unit}" if each.metric.unit else ""
    return (
        each.averaged.name,
        each.averaged.task.title,
        f"{each.label}{unit}",
        str(each.n),
        short(each.before, 3),
        short(each.after, 3),
        short(each.after - each.before),
        interval(each.low, each.high, 3),
        f"× {short(each.cost)}" if each.cost else "–",
    )
