"""Front: what the tables across tasks show of each entry, and the same as data for their scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leaderboard.analysis.constraint_grades import constraint_cards
from leaderboard.analysis.licences import is_permissive
from leaderboard.analysis.phonon_safety import Limit, PhononSafety, phonon_safety
from leaderboard.ranking.board import Board
from leaderboard.ranking.collect import Entry
from leaderboard.ranking.overview import Cell, Headline, Overview, Row, overview
from leaderboard.views.base import Judgement
from zoo.cards.card import Card
from zoo.cards.training_sets import training_sets

CLAIMS = {"rotation": "rotation", "inversion": "inversion", "conservative": "conservative"}
"""Claim of the constraints task → heading of its column."""
LATEST = 12
"""Results that the front page names as new."""

_ORDER = {"ranked": 0, "few entries": 0, "missing": 2}
"""State → class of a sort: comparable numbers, other numbers, none."""


@dataclass(frozen=True)
class Facts:
    """What stands beside one row's numbers."""

    judgements: Mapping[str, Judgement]
    safety: PhononSafety
    permissive: bool | None


@dataclass(frozen=True)
class Front:
    """The table across tasks with the facts of each row."""

    table: Overview
    facts: Mapping[str, Facts]
    limits: tuple[Limit, ...]

    def data(self) -> dict[str, object]:
        """Of `overview.js`: the checkpoints in the order of the table, with every value that a filter or a sort reads.

        `columns`: key, label, unit, direction. `elements`: distinct sets, to which rows refer by number.
        """
        sets: dict[tuple[str, ...], int] = {}
        rows = [[self._row(row, sets) for row in checkpoint.rows] for checkpoint in self.table.checkpoints]
        return {
            "columns": [_column(column) for column in self.table.columns],
            "elements": [list(symbols) for symbols in sets],
            "checkpoints": rows,
        }

    def _row(self, row: Row, sets: dict[tuple[str, ...], int]) -> dict[str, object]:
        card, facts = row.card, self.facts[row.name]
        elements = card.elements
        return {
            "entry": row.name,
            "title": card.title,
            "card": card.name,
            "mode": str(row.mode),
            "family": card.family,
            "elements": None if elements is None else sets.setdefault(elements, len(sets)),
            "permissive": facts.permissive,
            "licence": licence(card),
            "training": [training_sets()[name].title for name in card.training_sets],
            "theory": row.theory,
            "constrained": claims_constrained(row),
            "parameters": card.parameters,
            "cost": _rounded(row.cost.value) if row.cost else None,
            "demonstration": row.demonstration,
            "safe": facts.safety.verdict,
            "values": [[_rounded(cell.value), _ORDER.get(cell.state, 1)] for cell in row.cells],
            "intervals": [
                [_rounded(cell.score.low), _rounded(cell.score.high)] if cell.score else None for cell in row.cells
            ],
            "grades": {
                name: [_grade(judgement), _rounded(judgement.worst.normalised) if judgement.worst else None]
                for name, judgement in facts.judgements.items()
            },
        }


@dataclass(frozen=True)
class News:
    """A result and the day on which it was finished."""

    day: str
    entry: Entry

    @property
    def headline(self) -> Cell | None:
        """Its ranking score; None where it has no number."""
        score = self.entry.result.scores.get(self.entry.task.metrics[0].name)
        return Cell("ranked", score) if score and score.value is not None else None


def front(entries: Sequence[Entry], made: Sequence[Board], limits: Sequence[Limit]) -> Front:
    """The table of all entries with what its rows say."""
    table = overview(entries, made)
    facts = {row.name: _facts(row, entries, limits) for row in table.rows}
    return Front(table, facts, tuple(limits))


def news(entries: Sequence[Entry]) -> list[News]:
    """Results by the day on which they were finished, the newest first."""
    found = [News(entry.result.run.finished[:10], entry) for entry in entries if not entry.stale]
    return sorted(found, key=lambda each: (each.entry.result.run.finished, each.entry.name), reverse=True)


def by_day(latest: Sequence[News]) -> dict[str, list[tuple[str, list[Entry]]]]:
    """Day → task titles with their new results."""
    days: dict[str, dict[str, list[Entry]]] = {}
    for each in latest:
        days.setdefault(each.day, {}).setdefault(each.entry.task.title, []).append(each.entry)
    return {day: list(tasks.items()) for day, tasks in days.items()}


def licence(card: Card) -> str:
    """Licences of code and weights; one name where they are the same."""
    code, weights = card.licence.code or "unknown", card.licence.weights or "unknown"
    return code if code == weights else f"code {code}, weights {weights}"


def claims_constrained(row: Row) -> bool | None:
    """Whether, by its card, rotation is exact and this mode's forces are a gradient; None where the card is silent."""
    return row.entries[0].claims_constrained


def checkpoints_by_safety(front: Front) -> dict[tuple[str, str], list[Row]]:
    """Verdict and level of theory → rows, demonstration models last."""
    verdicts = ("yes", "no", "not measured")
    theories = dict.fromkeys(row.theory for row in front.table.rows)
    found: dict[tuple[str, str], list[Row]] = {(verdict, theory): [] for verdict in verdicts for theory in theories}
    for row in sorted(front.table.rows, key=lambda row: row.demonstration):
        found[front.facts[row.name].safety.verdict, row.theory].append(row)
    return {key: rows for key, rows in found.items() if rows}


def options(front: Front) -> dict[str, list[str]]:
    """Filter → what it offers, from the rows that there are."""
    rows = front.table.rows
    sets = training_sets()
    return {
        "family": sorted({row.card.family for row in rows}),
        "theory": sorted({row.theory for row in rows}),
        "training": sorted({sets[name].title for row in rows for name in row.card.training_sets}),
    }


def _facts(row: Row, entries: Sequence[Entry], limits: Sequence[Limit]) -> Facts:
    judged = {
        judgement.name: judgement
        for card in constraint_cards(row.card, row.mode, entries)
        for judgement in card.judgements
    }
    return Facts(
        judgements={name: judged[name] for name in CLAIMS if name in judged},
        safety=phonon_safety(row.name, row.entries, limits),
        permissive=is_permissive(row.card),
    )


def _column(column: Headline) -> dict[str, object]:
    metric = column.metric
    return {
        "key": column.name,
        "task": column.board.task.title,
        "label": metric.label,
        "unit": metric.unit,
        "better": metric.better,
        "subset": column.board.subset,
        "samples": column.board.samples,
        "best": _rounded(column.best),
        "decimals": column.board.decimals(metric),
    }


def _grade(judgement: Judgement) -> str:
    worst = judgement.worst
    return (worst.grade if worst else None) or "untested"


def _interval(cell: Cell) -> list[float | None] | None:
    return [_rounded(cell.score.low), _rounded(cell.score.high)] if cell.score else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")
