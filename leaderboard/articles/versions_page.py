"""Versions: which ranks moved when protocols and definitions changed, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby

from evaluation import task as tasks
from evaluation.metric import Metric
from leaderboard.articles.article import Article, Part, Table
from leaderboard.articles.evidence import Evidence
from leaderboard.formatting import decimals, figure
from leaderboard.ranking import earlier
from leaderboard.ranking.board import Board, Place, boards
from leaderboard.ranking.earlier import Figure
from leaderboard.ranking.moves import moves
from leaderboard.ranking.overview import MAIN_THEORY


def article(evidence: Evidence) -> Article:
    """The page; a part for each level of theory of each board that had results then."""
    today = {(board.task.name, board.subset): board for board in boards(evidence.entries)}
    kept = earlier.read()
    figures = sorted(kept.figures, key=lambda each: (each.task, each.subset, each.theory != MAIN_THEORY, each.theory))
    return Article(
        name="versions",
        title="What moved between versions",
        lede="Protocols and definitions of headline figures have changed. Each table has the entries that had a result "
        "before, with the place by their headline figure then, and with the place and the figure of today's board.",
        parts=[
            _part(list(found), kept.headlines[task], _of_theory(today.get((task, subset)), theory))
            for (task, subset, theory), found in groupby(
                figures, key=lambda each: (each.task, each.subset, each.theory)
            )
            if subset != "canary"
        ],
        notes=(
            "Places then are by the figures alone. Places now are the board's: paired over common samples, and only "
            "where three entries can be compared. Levels of theory are apart.",
            "A value of another definition has changed, whatever its size. Entries left or joined where one of the two "
            "versions gives them no place; only those before an entry move it.",
            "'mlip-zoo diff OLD NEW' compares every score of two folders of results.",
        ),
    )


def _of_theory(board: Board | None, theory: str) -> Board | None:
    parts = board.by_theory if board else ()
    return next((part for part in parts if part.theory == theory), None)


def places(found: Sequence[Figure], headline: Metric) -> dict[str, int]:
    """Entry → place by the figure then; those without a figure have none."""
    values = {each.entry: each.value for each in found if each.value is not None}
    sign = 1 if headline.better == "lower" else -1
    return {name: 1 + sum(sign * other < sign * value for other in values.values()) for name, value in values.items()}


def _part(found: Sequence[Figure], headline: Metric, board: Board | None) -> Part:
    task, theory = tasks.load(found[0].task), found[0].theory
    then, stand = places(found, headline), {place.entry.name: place for place in board.places} if board else {}
    now = {name: place.rank.place for name, place in stand.items() if place.rank}
    changed = {each.entry for each in found if _changed(each, headline, stand.get(each.entry), task.metrics[0])}
    why = {name: move.said for name, move in moves(then, now, changed).items()}
    ordered = sorted(found, key=lambda each: (then.get(each.entry, len(then) + 1), each.entry))
    digits = decimals(each.value for each in found)
    apart = "" if theory == MAIN_THEORY else f", {theory}"
    said = f"Then ranked by {_described(headline)}; now by {_described(task.metrics[0])}."
    return Part(
        title=f"{task.title}, {found[0].subset} subset{apart}",
        sentences=(f"{said} {earlier.WHY.get(task.name, earlier.WHY_ALL)}", _moved(then, now, list(why))),
        table=Table(
            label=f"Places of {task.title}, {found[0].subset} subset{apart}, then and now",
            columns=(
                "entry",
                "place then",
                f"then: {_described(headline)}",
                "place now",
                f"now: {_described(task.metrics[0])}",
                "why",
            ),
            rows=[
                [
                    each.entry,
                    str(then.get(each.entry, "–")),
                    figure(each.value, digits),
                    str(now.get(each.entry, "–")),
                    _value_now(stand.get(each.entry), board),
                    why.get(each.entry) or _absence(each, then, now, stand.get(each.entry)),
                ]
                for each in ordered
            ],
            worded=True,
        ),
    )


def _moved(then: Mapping[str, int], now: Mapping[str, int], moved: Sequence[str]) -> str:
    """Which places moved, of those that there are to compare."""
    both = then.keys() & now.keys()
    joined = sorted(now.keys() - then.keys())
    since = f" Joined since: {', '.join(joined)}." if joined else ""
    if not then or not now:
        return f"No entry has a place {'then' if not then else 'now'}: there is nothing to compare.{since}"
    if not both:
        return f"No entry has a place in both versions: there is nothing to compare.{since}"
    if not moved:
        return f"Of {len(both)} entries with a place in both versions, none moved.{since}"
    return f"Of {len(both)} entries with a place in both versions, {len(moved)} moved: {', '.join(moved)}.{since}"


def _changed(each: Figure, headline: Metric, place: Place | None, today: Metric) -> bool:
    """Whether an entry's value is another one than then, or is of another definition."""
    if place is None:
        return True
    score = place.score(today)
    if score.value is None or each.value is None:
        return score.value is not each.value
    definition = {"name", "unit", "average", "on_failure", "worst", "rounding"}
    same = headline.model_dump(include=definition) == today.model_dump(include=definition)
    return not (same and score.n == each.n and math.isclose(score.value, each.value, rel_tol=1e-6))


def _described(metric: Metric) -> str:
    """Label, average over samples and unit: `Δ, mean, meV/atom`."""
    words = [metric.label, *([metric.average] if metric.average not in metric.label else []), metric.unit]
    return ", ".join(word for word in words if word)


def _value_now(place: Place | None, board: Board | None) -> str:
    if place is None or board is None:
        return "–"
    return figure(None if place.entry.stale else place.score(board.metric).value, board.decimals(board.metric))


def _absence(each: Figure, then: Mapping[str, int], now: Mapping[str, int], place: Place | None) -> str:
    """Why there is no place now, or none then; empty where there are both."""
    if each.entry not in now:
        return f"left: {(place.unranked if place else None) or 'no result today'}" if each.entry in then else "no place"
    return "" if each.entry in then else "joined: no figure then"
