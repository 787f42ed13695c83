"""Overview: one table across tasks. A row per checkpoint, its other modes folded under it; a column per headline.

A column is the board of one subset of a task, and a cell says what kind of number it holds: ranks are those of the
board, and a number that the board does not rank is told apart by its state. Canaries give no column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evaluation.metric import Metric, Score
from evaluation.scoring import ranked
from evaluation.subset import SUBSETS
from evaluation.task import KnowsTraining
from leaderboard.ranking.board import Board, Place, boards
from leaderboard.ranking.collect import Entry
from leaderboard.ranking.cost import RelativeCost, relative_costs
from leaderboard.ranking.rank import Rank
from zoo.cards.card import Card
from zoo.cards.mode import Mode

GROUPS: Mapping[str, tuple[str, ...]] = {
    "structure & energy": ("eos", "relaxation", "formation", "discovery", "forces"),
    "lattice dynamics": ("phonons", "kappa", "orientation", "ladder"),
    "elasticity & stability": ("elasticity", "symmetry", "descent", "diatomics"),
}
"""Heading → tasks whose headline is a column below it. `constraints` is shown as grades, never as a rank."""

MAIN_THEORY = "PBE"
"""Level of theory of all references."""

State = Literal["ranked", "few entries", "few samples", "theory", "demonstration", "mode", "stale", "subset", "missing"]
"""`ranked`; or why not: fewer than three entries, fewer than half of the samples, another level of theory that is
ranked apart, a demonstration model, another floating-point type of a ranked entry, made under another protocol, run on
another subset than the column's, no number at all."""


@dataclass(frozen=True)
class Cell:
    """One headline of one entry."""

    state: State
    score: Score | None = None
    """None where nothing was run; of the subset that was run where that is another one."""
    rank: Rank | None = None
    reason: str = "not run"
    """Why there is no rank; empty where there is one."""
    outranked: tuple[Place, ...] = ()
    """Places before it with a worse score (`Board.outranked`)."""
    fitted: float = 0.0
    """Which share of its samples is of data that the model was trained on."""

    @property
    def value(self) -> float | None:
        return self.score.value if self.score else None

    @property
    def compares(self) -> bool:
        """Whether its value may stand beside the others of its column: same samples, same theory, today's protocol."""
        return self.state in ("ranked", "few entries") and self.value is not None


@dataclass(frozen=True)
class Headline:
    """A column: the ranking metric of one board."""

    board: Board
    group: str
    best: float | None
    """The best value that compares."""

    @property
    def name(self) -> str:
        return self.board.task.name

    @property
    def metric(self) -> Metric:
        return self.board.metric

    @property
    def ranked(self) -> int:
        """Entries of the board's first level of theory that have a rank."""
        return self.board.by_theory[0].ranked


@dataclass(frozen=True)
class Row:
    """One entry."""

    name: str
    """`card@mode`"""
    card: Card
    mode: Mode
    cells: tuple[Cell, ...]
    """In the order of the columns."""
    cost: RelativeCost | None
    """Over the reference model's; None where it was not measured."""
    entries: tuple[Entry, ...]
    """Its results."""

    @property
    def theory(self) -> str:
        return self.card.theory(self.mode.fidelity)

    @property
    def demonstration(self) -> bool:
        return self.card.demonstration


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint at one level of theory: the row of its usual mode, and those of its other modes."""

    main: Row
    others: tuple[Row, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        return (self.main, *self.others)


@dataclass(frozen=True)
class Overview:
    """The table."""

    columns: tuple[Headline, ...]
    checkpoints: tuple[Checkpoint, ...]
    """By level of theory, PBE before others; those with numbers in at least half of the columns before the rest, and
    demonstration models last; among them by the first column: ranked ones, other numbers, none."""

    @property
    def rows(self) -> list[Row]:
        return [row for checkpoint in self.checkpoints for row in checkpoint.rows]

    @property
    def by_theory(self) -> list[tuple[str, list[Checkpoint]]]:
        """Level of theory → its checkpoints: nothing of one compares with another."""
        found: dict[str, list[Checkpoint]] = {}
        for checkpoint in self.checkpoints:
            found.setdefault(checkpoint.main.theory, []).append(checkpoint)
        return list(found.items())

    @property
    def groups(self) -> list[tuple[str, tuple[Headline, ...]]]:
        """Headings with their columns."""
        found = [(group, tuple(c for c in self.columns if c.group == group)) for group in GROUPS]
        return [(group, columns) for group, columns in found if columns]

    @property
    def costs(self) -> Mapping[str, RelativeCost]:
        """`card@mode` → what it costs, where that was measured."""
        return {row.name: row.cost for row in self.rows if row.cost}

    @property
    def machines(self) -> tuple[str, ...]:
        """Those that the costs were measured on."""
        return tuple(sorted({row.cost.machine for row in self.rows if row.cost}))


def overview(entries: Sequence[Entry], made: Sequence[Board] | None = None) -> Overview:
    """The table of all entries; `made` are their boards, where they are at hand."""
    found = boards(entries) if made is None else made
    columns = list(_columns(found))
    groups: dict[tuple[str, str | None], list[Row]] = {}
    by_name: dict[str, list[Entry]] = {}
    for entry in entries:
        by_name.setdefault(entry.name, []).append(entry)
    for name in sorted(by_name):
        row = _row(name, by_name[name], columns, found)
        groups.setdefault((row.card.name, row.mode.fidelity), []).append(row)
    checkpoints = [_checkpoint(rows) for rows in groups.values()]
    return Overview(tuple(columns), tuple(sorted(checkpoints, key=lambda each: _order(each.main, columns))))


def _columns(found: Sequence[Board]) -> Iterator[Headline]:
    """One for each task of GROUPS with a number of a model that is not there for demonstration."""
    for group, names in GROUPS.items():
        for name in names:
            mine = [board for board in found if board.task.name == name and board.subset != "canary"]
            usable = [board for board in mine if any(_counts(board, place) for place in board.places)]
            if not usable:
                continue
            board = max(usable, key=lambda board: (board.ranked, SUBSETS.index(board.subset)))
            values = [cell.value for place in board.places if (cell := _cell(board, place)).compares]
            numbers = [value for value in values if value is not None]
            choose = min if board.metric.better == "lower" else max
            yield Headline(board, group, choose(numbers) if numbers else None)


def _counts(board: Board, place: Place) -> bool:
    return not place.entry.demonstration and place.score(board.metric).value is not None


def _row(name: str, mine: Sequence[Entry], columns: Sequence[Headline], found: Sequence[Board]) -> Row:
    return Row(
        name=name,
        card=mine[0].card,
        mode=mine[0].mode,
        cells=tuple(_cell_of(name, column, found) for column in columns),
        cost=relative_costs(mine).get(name),
        entries=tuple(mine),
    )


def _cell_of(name: str, column: Headline, found: Sequence[Board]) -> Cell:
    places = {place.entry.name: place for place in column.board.places}
    if name in places:
        return _cell(column.board, places[name])
    for board in found:
        if board.task.name != column.name:
            continue
        for place in board.places:
            if place.entry.name == name and board.subset == "canary":
                return Cell("missing", reason="only its canary was run, which ranks nothing")
            if place.entry.name == name:
                reason = f"run on the {board.subset} subset, {board.samples} samples"
                return Cell("subset", place.score(board.metric), reason=reason)
    return Cell("missing")


def _cell(board: Board, place: Place) -> Cell:
    outranked = board.outranked.get(place.entry.name, ())
    reason = place.unranked or ""
    return Cell(_state(board, place), place.score(board.metric), place.rank, reason, outranked, _fitted(place.entry))


def _fitted(entry: Entry) -> float:
    rows = ranked(entry.task, entry.rows)
    if not rows or not isinstance(entry.task, KnowsTraining):
        return 0.0
    names = (*entry.card.training_sets, *entry.card.pretraining_sets)
    return sum(entry.task.fitted(row, names) for row in rows) / len(rows)


def _state(board: Board, place: Place) -> State:
    if place.kind == "stale":
        return "stale"
    if place.score(board.metric).value is None:
        return "missing"
    if place.kind in ("demonstration", "few samples", "mode"):
        return place.kind
    if place.entry.other_theory or place.entry.theory != board.theory:
        return "theory"
    return "ranked" if place.rank else "few entries"


def _checkpoint(rows: Sequence[Row]) -> Checkpoint:
    """The usual mode first: the card's default where it was run, else the one with most numbers."""

    def order(row: Row) -> tuple[bool, bool, int, str]:
        default = row.card.default_mode.model_copy(update={"fidelity": row.mode.fidelity})
        numbers = sum(cell.value is not None for cell in row.cells)
        return row.mode != default, row.mode.averaging != "none", -numbers, row.name

    main, *others = sorted(rows, key=order)
    return Checkpoint(main, tuple(others))


def _order(row: Row, columns: Sequence[Headline]) -> tuple[bool, str, bool, bool, tuple[tuple[int, float], ...], str]:
    return (
        row.theory != MAIN_THEORY,
        row.theory,
        row.demonstration,
        2 * sum(cell.compares for cell in row.cells) < len(columns),
        tuple(_key(cell, column) for cell, column in zip(row.cells, columns, strict=True)),
        row.name,
    )


def _key(cell: Cell, column: Headline) -> tuple[int, float]:
    sign = 1 if column.metric.better == "lower" else -1
    if cell.rank and cell.state == "ranked":
        return 0, float(cell.rank.place)
    if cell.value is None:
        return 3, 0.0
    return (1 if cell.compares else 2), sign * cell.value
