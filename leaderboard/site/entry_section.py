"""Entry section: one entry's result on one task as a page shows it: scores, pictures, samples, provenance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

from leaderboard import views
from leaderboard.charts.spec import Datasets, Spec
from leaderboard.ranking import crystals
from leaderboard.ranking.board import Board, Place
from leaderboard.ranking.crystals import Geometries
from leaderboard.site import sample_sheet
from leaderboard.views.base import Panel, View

if TYPE_CHECKING:
    from evaluation.metric import Metric
    from evaluation.task import Row, Task

MOST_ROWS = 200
"""Samples in a table; the records that a page links have all of them."""
MOST_EMPTY = 4
"""Panels without a picture that stand among the others; more are a list."""
SHARED = "shared"
"""Key of the picture that panels have in common."""


@dataclass(frozen=True)
class Section:
    """One entry on one board."""

    board: Board
    place: Place
    view: View | None
    panels: list[tuple[Panel, str | None]]
    """Each with its key in `datasets`, where there is something to draw."""
    specs: dict[str, Spec]
    """SHARED, the picture of the view, and those of panels that have their own."""
    datasets: dict[str, Datasets]
    folded: dict[str, list[str]]
    """Titles of panels without a picture, by the reason, where they are many."""
    rows: Sequence[Row]
    sheet: bool
    """Whether the site has the entry's pictures on one sheet."""
    crystals: Mapping[str, Geometries]
    """Sample → geometries of it that other entries do not share."""
    shared_crystals: Mapping[str, Geometries]
    """Sample of the task → geometries that all entries share."""

    @property
    def id(self) -> str:
        """Unique on the page of its model: `eos-fast-conservative`."""
        return f"{self.board.task.name}-{self.board.subset}-{self.place.entry.mode}"

    @property
    def path(self) -> str:
        """Where the site has all of it, without a suffix."""
        return f"results/{self.board.task.name}-{self.board.subset}-{self.place.entry.name}"

    @cached_property
    def viewed(self) -> frozenset[str]:
        """Samples of the entry that have a crystal to look at."""
        known = self.crystals.keys() | self.shared_crystals.keys()
        return frozenset(sample for row in self.place.entry.rows if (sample := str(row["sample"])) in known)

    @property
    def crystal_scripts(self) -> list[str]:
        """Paths of the scripts that tell their geometries, what is shared first (`leaderboard.site.crystal_files`)."""
        if not self.viewed:
            return []
        shared = [shared_crystals_path(self.board.task)] if self.shared_crystals else []
        return [*shared, f"{self.path}.crystals.js"]

    def sample_of(self, title: str) -> str | None:
        """The sample whose crystal a panel of this title shows: its own, or the first of several, `title/...`."""
        return self._by_title.get(title)

    @cached_property
    def _by_title(self) -> dict[str, str]:
        names = sorted(self.viewed, reverse=True)
        return {**{name.rpartition("/")[0]: name for name in names}, **{name: name for name in names}}


def shared_crystals_path(task: Task) -> str:
    """Where the site has the geometries that all entries of a task share."""
    return f"data/crystals/{task.name}.js"


def sections(places: Iterable[tuple[Board, Place]]) -> list[Section]:
    """A section for each place on a board, in their order.

    Of an entry that stands on the boards of several subsets as part of one run, that run alone.
    """
    return [_section(board, place) for board, place in places if place.entry.part_of is None]


def spec_key(panel: Panel, key: str) -> str:
    """Which of the specifications draws a panel."""
    return key if panel.spec is not None else SHARED


def _section(board: Board, place: Place) -> Section:
    entry = place.entry
    drawn: list[tuple[Panel, str | None]] = []
    specs: dict[str, Spec] = {SHARED: views.spec(board.task.name)} if entry.panels else {}
    datasets: dict[str, Datasets] = {}
    for number, panel in enumerate(entry.panels):
        key = str(number)
        if panel.datasets is not None:
            datasets[key] = panel.datasets
            if panel.spec is not None:
                specs[key] = panel.spec
        drawn.append((panel, key if panel.datasets is not None else None))
    return Section(
        board=board,
        place=place,
        view=views.view(board.task.name),
        panels=drawn,
        specs=specs,
        datasets=datasets,
        folded=_folded([panel for panel, key in drawn if key is None]),
        rows=_worst(entry.rows, board.metric),
        sheet=sample_sheet.current(entry) is not None,
        crystals=crystals.of_entry(entry),
        shared_crystals=crystals.shared(entry.task) if entry.rows else {},
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
