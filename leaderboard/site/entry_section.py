"""Entry section: one entry's result on one task as a page shows it: scores, pictures, samples, provenance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from leaderboard import views
from leaderboard.charts.spec import Datasets, Spec
from leaderboard.ranking.board import Board, Place
from leaderboard.ranking.collect import Entry
from leaderboard.site import sample_sheet
from leaderboard.views.base import Panel, View

if TYPE_CHECKING:
    from evaluation.metric import Metric
    from evaluation.task import Row

MOST_ROWS = 200
"""Samples in a table; the records that a page links have all of them."""
MOST_EMPTY = 4
"""Panels without a picture that stand among the others; more are a list."""


@dataclass(frozen=True)
class Charts:
    """Pictures of a page: specifications, and the datasets that some of them share."""

    specs: dict[str, Spec] = field(default_factory=dict)
    datasets: dict[str, Datasets] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """One entry on one board."""

    board: Board
    place: Place
    view: View | None
    panels: list[tuple[Panel, str | None]]
    """Each with the key of its datasets, where there is something to draw."""
    folded: dict[str, list[str]]
    """Titles of panels without a picture, by the reason, where they are many."""
    rows: Sequence[Row]
    sheet: bool
    """Whether the site has the entry's pictures on one sheet."""


def sections(boards: Sequence[Board], wanted: Callable[[Entry], bool]) -> tuple[list[Section], Charts]:
    """A section for each entry that is wanted, in the order of the boards, and what their pictures need.

    Of an entry that stands on the boards of several subsets as part of one run, that run alone.
    """
    charts = Charts()
    whole = [(board, place) for board in boards for place in board.places if place.entry.part_of is None]
    mine = [(board, place) for board, place in whole if wanted(place.entry)]
    return [_section(board, place, charts) for board, place in mine], charts


def spec_key(section: Section, panel: Panel, key: str) -> str:
    """Which of the specifications draws a panel."""
    return key if panel.spec is not None else section.board.task.name


def _section(board: Board, place: Place, charts: Charts) -> Section:
    entry = place.entry
    view = views.view(board.task.name)
    drawn: list[tuple[Panel, str | None]] = []
    if view and entry.rows:
        charts.specs[board.task.name] = view.spec()
        for panel in view.panels(entry.records, entry.rows):
            key = f"{board.task.name}/{board.subset}/{entry.name}/{panel.title}"
            if panel.datasets is not None:
                charts.datasets[key] = panel.datasets
                if panel.spec is not None:
                    charts.specs[key] = panel.spec
            drawn.append((panel, key if panel.datasets is not None else None))
    return Section(
        board=board,
        place=place,
        view=view,
        panels=drawn,
        folded=_folded([panel for panel, key in drawn if key is None]),
        rows=_worst(entry.rows, board.metric),
        sheet=sample_sheet.current(entry) is not None,
    )


def _folded(empty: Sequence[Panel]) -> dict[str, list[str]]:
    """Panels without a picture, by the reason; nothing where they are few enough to stand among the others."""
    found: dict[str, list[str]] = {}
    for panel in empty if len(empty) > MOST_EMPTY else ():
        found.setdefault(panel.reason or panel.note, []).append(panel.title)
    return found


def _worst(rows: Sequence[Row], metric: Metric) -> Sequence[Row]:
    """Rows that a page has room for: all in their order, or the worst by the metric, then those without a number."""
    if len(rows) <= MOST_ROWS:
        return rows
    sign = -1 if metric.better == "lower" else 1

    def order(row: Row) -> tuple[bool, float]:
        value = cast("float | None", row[metric.name])
        return value is None, 0.0 if value is None else sign * value

    return sorted(rows, key=order)[:MOST_ROWS]
