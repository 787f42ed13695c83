"""Quartiles: where a canary's figure lies among the published models of its level of theory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from leaderboard.ranking.collect import Entry

Place = Literal["within the middle half", "better than three quarters", "worse than three quarters", "few models"]
FEWEST = 4
"""Models of one level of theory below which quartiles say nothing."""


@dataclass(frozen=True)
class Quartiles:
    """Of one metric on the canary subset, over the models of one level of theory; in the metric's unit."""

    n: int
    low: float
    high: float
    better: Literal["lower", "higher"]

    def place(self, value: float) -> Place:
        """Where a figure lies among them."""
        if self.n < FEWEST:
            return "few models"
        if self.low <= value <= self.high:
            return "within the middle half"
        better = value < self.low if self.better == "lower" else value > self.high
        return "better than three quarters" if better else "worse than three quarters"


def quartiles(entries: Iterable[Entry], *, theory: str, without: str) -> Mapping[str, Quartiles]:
    """Task → quartiles of its first metric over default modes of ranked, fresh models; `without`: a card's name."""
    found: dict[str, dict[str, float]] = {}
    directions: dict[str, Literal["lower", "higher"]] = {}
    for entry in entries:
        usual = entry.mode == entry.card.default_mode and not entry.demonstration and not entry.stale
        if not usual or entry.theory != theory or entry.card.name == without:
            continue
        part = entry if entry.result.run.subset == "canary" else entry.restricted_to("canary")
        metric = entry.task.metrics[0]
        score = part.result.scores.get(metric.name) if part else None
        if score and score.value is not None:
            found.setdefault(entry.task.name, {})[entry.card.name] = score.value
            directions[entry.task.name] = metric.better
    return {task: _of([*values.values()], directions[task]) for task, values in found.items()}


def _of(values: list[float], better: Literal["lower", "higher"]) -> Quartiles:
    low, high = np.quantile(values, [0.25, 0.75])
    return Quartiles(len(values), float(low), float(high), better)
