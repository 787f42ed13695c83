"""Claimed: figures that a card says were published elsewhere, each beside ours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from evaluation.metric import Score
from evaluation.subset import Subset
from leaderboard.ranking.collect import Entry
from zoo.cards.card import Card, ClaimedFigure

Agreement = Literal["agrees", "differs", "not comparable"]


@dataclass(frozen=True)
class Comparison:
    """One claim and what we found."""

    claim: ClaimedFigure
    agreement: Agreement
    score: Score | None = None
    """Ours, of the card's default mode; None where there is none."""
    unit: str = ""
    why: str = ""
    """Why it cannot be compared."""


def compare(card: Card, entries: Iterable[Entry]) -> list[Comparison]:
    """Each claim of a card against our results: it agrees where it lies within our 95 % interval."""
    mine = {
        (entry.task.name, entry.result.run.subset): entry
        for entry in entries
        if entry.card.name == card.name and entry.mode == card.default_mode
    }
    return [_compared(claim, mine) for claim in card.claims]


def _compared(claim: ClaimedFigure, mine: dict[tuple[str, Subset], Entry]) -> Comparison:
    entry = mine.get((claim.task, claim.subset))
    if entry is None:
        others = sorted(subset for task, subset in mine if task == claim.task)
        told = f"ours is of the subset {', '.join(others)}" if others else "we have no result of that task"
        return Comparison(claim, "not comparable", why=told)
    metric = next((each for each in entry.task.metrics if each.name == claim.metric), None)
    if metric is None:
        return Comparison(claim, "not comparable", why="the task has no such metric")
    if entry.stale:
        return Comparison(claim, "not comparable", why=f"ours was made under another {', '.join(entry.stale)}")
    score = entry.result.scores.get(claim.metric)
    if score is None or score.value is None or score.low is None or score.high is None:
        return Comparison(claim, "not comparable", score, metric.unit, "ours has no interval")
    inside = score.low <= claim.value <= score.high
    return Comparison(claim, "agrees" if inside else "differs", score, metric.unit)
