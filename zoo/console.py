"""Console: how tables are printed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

PIPED_WIDTH = 200
"""Characters of a line that goes to a file or another program: enough to cut no table's cell."""


def print_table(table: RenderableType) -> None:
    """As wide as the terminal; where there is none, a table is not cut to the width of one."""
    from rich.console import Console

    console = Console()
    if not (console.is_terminal or console.is_jupyter or "COLUMNS" in os.environ):
        console = Console(width=PIPED_WIDTH)
    console.print(table)
