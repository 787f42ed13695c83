"""Terminal: the table across tasks, a line per entry and a column per headline, as wide as the terminal allows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from leaderboard import formatting
from leaderboard.ranking.overview import MAIN_THEORY, Cell, Headline, Overview, Row
from leaderboard.terminal.board import relative, width

_MARKS = {"few samples": "*", "subset": "*", "stale": "‡", "theory": "", "demonstration": "", "mode": ""}
_HEADING, _TITLE = 14, 28
"""Characters of a line of a heading (an interval takes as many), and of a model's title."""


def show(table: Overview, folders: Sequence[Path], console: Console) -> None:
    """Print the table, what its marks mean, and where it was read."""
    fits = len(table.columns)
    made = _table(table, fits)
    while fits > 1 and width(made, console) > console.width:
        fits -= 1
        made = _table(table, fits)
    console.print(Text("\nAll entries across tasks", style="bold"))
    console.print(made)
    left = ", ".join(column.name for column in table.columns[fits:])
    for note in (
        "Bold: the interval of its rank reaches place 1. Dim: not ranked (* too few samples or another subset, ‡ an "
        "earlier protocol, another level of theory, a demonstration model). †: behind an entry with a worse number, by "
        "the samples that both have. Cost: of one answer, over pet-n's (speed).",
        f"Too narrow here for: {left}." if left else "",
        "'mlip-zoo board --task NAME' prints one task with its ranks, '--json' everything.",
        f"Read from {', '.join(relative(folder) for folder in folders)}. Brackets: 95 % intervals over samples.",
    ):
        if note:
            console.print(Text(note, style="dim"))


def _table(table: Overview, fits: int) -> Table:
    """With the first so many headlines."""
    columns = table.columns[:fits]
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), header_style="dim")
    made.add_column("model", no_wrap=True)
    for column in columns:
        made.add_column(_heading(column), justify="right", no_wrap=True, vertical="top")
    made.add_column("cost\n\nrelative", justify="right", no_wrap=True)
    for theory, checkpoints in table.by_theory:
        if theory != MAIN_THEORY:
            made.add_section()
            apart = "\n".join(wrap(f"{theory}, which compares with nothing above", _TITLE))
            made.add_row(Text(apart, style="yellow"))
        for row in (row for checkpoint in checkpoints for row in checkpoint.rows):
            cells = (_cell(cell, column) for cell, column in zip(row.cells[:fits], columns, strict=True))
            cost = formatting.short(row.cost.value, 3) if row.cost else formatting.NOTHING
            made.add_row(_model(row), *cells, Text(cost))
    return made


def _heading(column: Headline) -> str:
    """Wrapped here: rich would cut it, or wrap the figures as well."""
    told = (column.name, column.metric.label, column.metric.unit)
    return "\n".join(line for text in told for line in wrap(text, _HEADING))


def _model(row: Row) -> Text:
    title = Text("\n".join(wrap(row.card.title, _TITLE)), style="dim bold" if row.demonstration else "bold")
    title.append(f"\n{row.mode}", style="not bold dim")
    if row.demonstration:
        title.append("\ndemonstration" if row.card.teachers else " demonstration", style="not bold yellow")
    if row.card.teachers:
        title.append(" distilled", style="not bold yellow")
    return title


def _cell(cell: Cell, column: Headline) -> Text:
    if cell.value is None or cell.score is None:
        return Text(formatting.NOTHING, style="dim")
    places = column.board.decimals(column.metric)
    leads = cell.state == "ranked" and cell.rank and (cell.rank.low or cell.rank.place) == 1
    style = "bold" if leads else "" if cell.compares else "dim"
    value = Text(
        formatting.figure(cell.value, places) + (_MARKS.get(cell.state) or " †" * bool(cell.outranked)), style=style
    )
    return value.append(f"\n{formatting.interval(cell.score.low, cell.score.high, places)}", style="not bold dim")
