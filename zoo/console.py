"""Console: how tables and errors are printed, and untrusted text without control characters."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from zoo.characters import CONTROL

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.table import Table

PIPED_WIDTH = 200
"""Characters of a line that goes to a file or another program: enough to cut no table's cell."""


def print_table(table: RenderableType) -> None:
    """As wide as the terminal; where there is none, a table is not cut to the width of one.

    No word is cut: a terminal too narrow for the longest word of each column gets the first columns and a line that
    names the others. Every command that prints one has `--json`. (The board's columns give way in an order of their
    own.)
    """
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not (console.is_terminal or console.is_jupyter or "COLUMNS" in os.environ):
        console = Console(width=PIPED_WIDTH)
    left_out = _narrow(table, console) if isinstance(table, Table) else []
    console.print(table)
    if left_out:
        console.print(
            f"Too narrow here for: {', '.join(left_out)}. '--json' has everything.", style="dim", highlight=False
        )


def print_error(message: str) -> None:
    """One message on stderr, red where there is colour; the text is data, never markup."""
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True, soft_wrap=True).print(Text(plain(message), style="red"))


def plain(text: str) -> str:
    """The text without control characters: an escape sequence in a result must not steer the reader's terminal."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.expandtabs())


def _narrow(table: Table, console: Console) -> list[str]:
    """Take the last columns away until the others fit; their headings, in order."""
    from rich.measure import Measurement

    unlimited = console.options.update(max_width=10_000)  # else the measure is cut to the terminal, and always fits
    widest = []
    for column in table.columns:
        cells = [Measurement.get(console, unlimited, cell) for cell in (column.header, *column.cells)]
        widest.append(max(cell.maximum for cell in cells))
        if max(cell.minimum for cell in cells) == widest[-1]:
            column.no_wrap = True  # nothing to wrap: rich would cut it rather than wrap another column more
    if _all_wide(table, widest, console, unlimited):
        return []
    left_out: list[str] = []
    while len(table.columns) > 1 and Measurement.get(console, unlimited, table).minimum > console.width:
        left_out.insert(0, str(table.columns.pop().header))
    return left_out


def _all_wide(table: Table, widest: list[int], console: Console, unlimited: ConsoleOptions) -> bool:
    """Give each column its widest cell's width where all have room: rich measures and wraps every cell otherwise."""
    from rich.measure import Measurement

    wrapped = [column.no_wrap for column in table.columns]
    for column, width in zip(table.columns, widest, strict=True):
        column.width, column.no_wrap = width, True
    if Measurement.get(console, unlimited, table).minimum <= console.width:
        return True
    for column, no_wrap in zip(table.columns, wrapped, strict=True):
        column.width, column.no_wrap = None, no_wrap
    return False
