"""Terminal: a board as a rich table, as wide as the terminal allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

from rich import box
from rich.console import Console, Group
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from evaluation.metric import Metric
from leaderboard import formatting
from leaderboard.ranking.board import Board, Place
from zoo.console import plain

_BETWEEN = 3
"""Characters between two columns: one of padding to each side, and the box's own."""
_HEADING, _TITLE = 20, 28
"""Characters of a line of a metric's label, and of a model's title; rich would cut longer ones where it is narrow."""
_FEW = 3
"""Columns without room that are named; more of them would fill the screen that the table is to have."""


@dataclass(frozen=True)
class _Column:
    header: str
    cell: Callable[[Place], Text]
    right: bool = False
    give_way: int = 0
    """Columns with the largest number leave first when the terminal is narrow; 0 stays."""


def show(boards: Sequence[Board], folders: Sequence[Path], console: Console) -> None:
    """Print the boards, each level of theory apart, then which folders they come from."""
    for whole in boards:
        for board in whole.by_theory:
            _show(board, console, of=f" by {board.theory}" if board.theory != whole.theory else "")
        for caveat in whole.caveats:
            console.print(Text(caveat, style="dim"))
    if len({board.task.name for board in boards}) < len(boards):
        console.print(Text("Results of different subsets are ranked apart.", style="dim"))
    read = ", ".join(relative(folder) for folder in folders)
    console.print(Text(f"Read from {read}. Brackets: 95 % intervals over samples.", style="dim"))


def _show(board: Board, console: Console, *, of: str) -> None:
    """Print the entries of one level of theory, with as many columns as fit; `of` says which, in the title."""
    columns = _columns(board)
    left_out: list[str] = []
    # measured once: a table of fifty columns is slow to measure
    missing = width(_table(board, columns), console) - console.width
    while missing > 0 and any(c.give_way for c in columns):
        first = max(columns, key=lambda column: column.give_way)
        columns = [column for column in columns if column is not first]
        left_out.append(first.header.replace("\n", " "))
        missing -= _content_width(board, first) + _BETWEEN
    console.print(Group(_title(board, of), _table(board, columns), *_notes(board, left_out)))


def _title(board: Board, of: str) -> Text:
    better = f"{board.metric.label}{f' in {board.metric.unit}' if board.metric.unit else ''}"
    ranked = "a canary ranks nothing" if board.is_canary else f"ranked by {better}, {board.metric.better} is better"
    return Text.assemble(
        (f"\n{board.task.title}{of}", "bold"),
        f", {board.subset} subset ({board.samples} samples); {ranked}; ",
        f"reference: {board.task.reference_theory or 'none'}",
    )


def _columns(board: Board) -> list[_Column]:
    rank = [] if board.is_canary else [_Column("rank", _rank, right=True)]
    return [
        *rank,
        _Column("model", _model),
        _Column("theory\ntrained on", _theory, give_way=4),
        _Column("claims\nto be", _claims, give_way=9),
        _Column(
            "parameters", lambda place: Text(formatting.count(place.entry.card.parameters)), right=True, give_way=7
        ),
        *(_metric_column(board, metric, order) for order, metric in enumerate(board.task.metrics)),
        _Column(
            f"samples\nof {board.metric.label}", lambda place: _samples(place, board.metric), right=True, give_way=3
        ),
        _Column("cost\nµs/atom", _cost, right=True, give_way=2),
        _Column("force\ncalls", _calls, right=True, give_way=8),
        _Column("ran on", _machine, give_way=10),
        _Column("from", lambda place: Text(place.entry.origin), give_way=1),
    ]


def _metric_column(board: Board, metric: Metric, order: int) -> _Column:
    places = board.decimals(metric)

    def cell(place: Place) -> Text:
        score = place.score(metric)
        if score.value is None:
            return Text(formatting.NOTHING, style="dim")
        mark = " †" if metric is board.metric and place.entry.name in board.outranked else ""
        others = "" if score.n == place.score(board.metric).n else f"n = {score.n}"
        below = "\n".join(filter(None, (formatting.interval(score.low, score.high, places), others)))
        return _two_lines(f"{formatting.figure(score.value, places)}{mark}", below)

    # the first metric ranks and stays; of the others the last gives way first
    give_way = 0 if order == 0 else 3 + order
    lines = [*wrap(metric.label, _HEADING), metric.unit]
    return _Column("\n".join(lines).rstrip(), cell, right=True, give_way=give_way)


def _rank(place: Place) -> Text:
    if place.rank is None:
        return Text(formatting.NOTHING, style="dim")
    return _two_lines(str(place.rank.place), place.rank.between)


def _model(place: Place) -> Text:
    title = Text("\n".join(wrap(place.entry.card.title, _TITLE)), style="bold")
    # in the cell that never gives way: a flag must not be lost with a column
    if place.entry.other_theory:
        title.append(f" {place.entry.theory}", style="not bold yellow")
    if place.entry.stale:
        title.append(" stale", style="not bold yellow")
    if place.entry.result.run.pinned_by == "user":
        title.append(" pinned by the user", style="not bold yellow")
    if place.entry.card.teachers:
        title.append(" distilled", style="not bold yellow")
    return title.append(f"\n{place.entry.mode}", style="not bold dim")


def _theory(place: Place) -> Text:
    theory = Text(place.entry.theory, style="yellow" if place.entry.other_theory else "")
    return theory.append("\n" + ", ".join(place.entry.card.training_sets), style="dim")


def _claims(place: Place) -> Text:
    claim = place.entry.claims_constrained
    return Text(formatting.NOTHING if claim is None else "constrained" if claim else "unconstrained")


def _samples(place: Place, metric: Metric) -> Text:
    score = place.score(metric)
    lacks = {"missing": score.n_missing, "unsupported": score.n_unsupported}
    return _two_lines(str(score.n), "\n".join(f"{n} {what}" for what, n in lacks.items() if n))


def _cost(place: Place) -> Text:
    cost = place.entry.result.run.cost
    return _two_lines(formatting.microseconds(cost.microseconds_per_atom), formatting.duration(cost.seconds))


def _calls(place: Place) -> Text:
    return Text(str(place.entry.result.run.cost.force_calls))


def _machine(place: Place) -> Text:
    run = place.entry.result.run
    return _two_lines(plain(run.device), plain(run.hardware.accelerator or run.hardware.cpu))


def _two_lines(above: str, below: str) -> Text:
    return Text(above).append(f"\n{below}", style="dim") if below else Text(above)


def _table(board: Board, columns: Sequence[_Column]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), header_style="dim")
    for column in columns:
        table.add_column(column.header, justify="right" if column.right else "left", no_wrap=True, vertical="top")
    for place in board.places:
        table.add_row(*(column.cell(place) for column in columns))
    return table


def _content_width(board: Board, column: _Column) -> int:
    cells = (Text(column.header), *(column.cell(place) for place in board.places))
    return max(line.cell_len for cell in cells for line in cell.split())


def width(table: Table, console: Console) -> int:
    """Characters that a table takes where there is room."""
    unbounded = console.options.update(width=10_000, max_width=10_000)
    return Measurement.get(console, unbounded, table).maximum


def _notes(board: Board, left_out: Sequence[str]) -> list[Text]:
    notes = [
        Text(f"{place.entry.name} is not ranked: {place.unranked}.", style="yellow")
        for place in board.places
        if place.unranked and not board.is_canary
    ]
    if board.places[0].entry.other_theory:
        told = f"Another level of theory than the reference's {board.task.reference_theory}"
        notes.append(Text(f"{told}: part of each error is the difference between the two.", style="dim"))
    if board.by_score:
        notes.append(Text("Ranked by the scores alone, without intervals of the ranks.", style="dim"))
    if left_out:
        few = len(left_out) <= _FEW
        hidden = ", ".join(reversed(left_out)) if few else f"{len(left_out)} columns"
        notes.append(Text(f"Too narrow here for: {hidden}. '--json' has everything.", style="dim"))
    return notes


def relative(folder: Path) -> str:
    """A folder as a person in the working directory writes it."""
    absolute = folder.absolute()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(folder)
