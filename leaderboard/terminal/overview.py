"""Terminal: the table across tasks, a line per entry and a column per headline, as wide as the terminal allows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from leaderboard import formatting
from leaderboard.ranking.overview import Cell, Headline, Overview, Row
from leaderboard.terminal.board import relative

_MARKS = {"few samples": "*", "subset": "*", "stale": "†", "theory": "", "demonstration": "", "mode": ""}
_MODEL = 34
"""Characters that the first column and the cost take."""
_COLUMN = 14
"""Characters of a headline with its interval."""


def show(table: Overview, folders: Sequence[Path], console: Console) -> None:
    """Print the table, what its marks mean, and where it was read."""
    fits = max(1, (console.width - _MODEL) // _COLUMN)
    columns = table.columns[:fits]
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), header_style="dim")
    made.add_column("model", no_wrap=True)
    for column in columns:
        heading = f"{column.name}\n{column.metric.label}\n{column.metric.unit}".rstrip()
        made.add_column(heading, justify="right", no_wrap=True, vertical="top")
    made.add_column("cost\n\nrelative", justify="right", no_wrap=True)
    for row in table.rows:
        cells = (_cell(cell, column) for cell, column in zip(row.cells[:fits], columns, strict=True))
        made.add_row(_model(row), *cells, Text(formatting.short(row.cost.value, 3) if row.cost else formatting.NOTHING))
    console.print(Text("\nAll entries across tasks", style="bold"))
    console.print(made)
    left = ", ".join(column.name for column in table.columns[fits:])
    for note in (
        "Bold: the interval of its rank reaches place 1. Dim: not ranked (* too few samples or another subset, † an "
        "earlier protocol, another level of theory, a demonstration model). Cost: of one answer, over pet-n's (speed).",
        f"Too narrow here for: {left}." if left else "",
        "'mlip-zoo board --task NAME' prints one task with its ranks, '--json' everything.",
        f"Read from {', '.join(relative(folder) for folder in folders)}. Brackets: 95 % intervals over samples.",
    ):
        if note:
            console.print(Text(note, style="dim"))


def _model(row: Row) -> Text:
    title = Text(row.card.title, style="dim bold" if row.demonstration else "bold")
    if row.theory != "PBE":
        title.append(f" {row.theory}", style="not bold yellow")
    if row.demonstration:
        title.append(" demonstration", style="not bold yellow")
    if row.card.teachers:
        title.append(" distilled", style="not bold yellow")
    return title.append(f"\n{row.mode}", style="not bold dim")


def _cell(cell: Cell, column: Headline) -> Text:
    if cell.value is None or cell.score is None:
        return Text(formatting.NOTHING, style="dim")
    places = column.board.decimals(column.metric)
    leads = cell.state == "ranked" and cell.rank and (cell.rank.low or cell.rank.place) == 1
    style = "bold" if leads else "" if cell.compares else "dim"
    value = Text(formatting.figure(cell.value, places) + _MARKS.get(cell.state, ""), style=style)
    return value.append(f"\n{formatting.interval(cell.score.low, cell.score.high, places)}", style="not bold dim")
