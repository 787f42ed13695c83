"""Versions: which ranks moved when protocols and definitions changed, and why."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from evaluation import task as tasks
from evaluation.metric import Metric
from leaderboard.articles.article import Article, Part, Table
from leaderboard.articles.evidence import Evidence
from leaderboard.formatting import decimals, figure
from leaderboard.ranking import earlier
from leaderboard.ranking.board import Board, Place, boards
from leaderboard.ranking.earlier import Earlier

_COLUMNS = ("entry", "place then", "value then", "place now", "value now", "today")


def article(evidence: Evidence) -> Article:
    """The page; a part for each board that had results then."""
    today = {(board.task.name, board.subset): board for board in boards(evidence.entries)}
    kept = earlier.read()
    return Article(
        name="versions",
        title="What moved between versions",
        lede="Protocols and definitions of headline figures have changed. Each table has the entries that had a result "
        "before, with the place by their headline figure then, and with the place and the figure of today's board.",
        parts=[
            _part(list(found), today.get((task, subset)))
            for (task, subset), found in groupby(kept, key=lambda each: (each.task, each.subset))
            if subset != "canary"
        ],
        notes=(
            "Places then are by the figures alone, all levels of theory together. Places now are the board's: paired "
            "over common samples, levels of theory apart, and only where three entries can be compared.",
            "'mlip-zoo diff OLD NEW' compares every score of two folders of results.",
        ),
    )


def places(found: Sequence[Earlier]) -> dict[str, int]:
    """Entry → place by the figure then; those without a figure have none."""
    metric = _metric(found[0])
    better = metric.better if metric else "lower"
    values = {each.entry: each.value for each in found if each.value is not None}
    sign = 1 if better == "lower" else -1
    return {name: 1 + sum(sign * other < sign * value for other in values.values()) for name, value in values.items()}


def _part(found: Sequence[Earlier], board: Board | None) -> Part:
    task = tasks.load(found[0].task)
    then, now = places(found), {place.entry.name: place for place in board.places} if board else {}
    ordered = sorted(found, key=lambda each: (then.get(each.entry, len(then) + 1), each.entry))
    digits = decimals(each.value for each in found)
    moved = [
        each.entry
        for each in found
        if (place := now.get(each.entry)) and place.rank and place.rank.place != then.get(each.entry)
    ]
    metric = _metric(found[0])
    unit = f", {metric.unit}" if metric and metric.unit else ""
    headline = f"Then ranked by {metric.label if metric else found[0].metric}{unit}"
    return Part(
        title=f"{task.title}, {found[0].subset} subset",
        sentences=(
            f"{headline}; now by {task.metrics[0].label}. {earlier.WHY.get(task.name, earlier.WHY_ALL)}",
            f"Places that moved: {', '.join(moved)}." if moved else "Of the entries with a place today, none moved.",
        ),
        table=Table(
            label=f"Places of {task.title}, {found[0].subset} subset, then and now",
            columns=_COLUMNS,
            rows=[_row(each, then, now.get(each.entry), board, digits) for each in ordered],
        ),
    )


def _row(each: Earlier, then: dict[str, int], place: Place | None, board: Board | None, digits: int) -> list[str]:
    if place is None or board is None:
        present, value, why = "–", "–", "no result"
    else:
        present = str(place.rank.place) if place.rank else "–"
        score = None if place.entry.stale else place.score(board.metric).value
        value = figure(score, board.decimals(board.metric))
        why = place.unranked or ""
    return [each.entry, str(then.get(each.entry, "–")), figure(each.value, digits), present, value, why]


def _metric(each: Earlier) -> Metric | None:
    return next((metric for metric in tasks.load(each.task).metrics if metric.name == each.metric), None)
