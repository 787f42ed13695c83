"""Tables on terminals of any width: no word is cut, and what did not fit is named."""

from __future__ import annotations

import pytest
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo.console import print_table

NAME = "a-checkpoint-with-a-long-name"


def models() -> Table:
    table = Table("name", "trained on", "sha256")
    table.add_row(NAME, "one set, another set, a third set", "f" * 64)
    return table


def test_a_wide_terminal_gets_every_column(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    print_table(models())
    shown = capsys.readouterr().out
    assert NAME in shown
    assert "f" * 64 in shown
    assert "Too narrow" not in shown


@pytest.mark.parametrize("width", [40, 60, 100])
def test_a_narrow_terminal_gets_the_first_columns_whole_and_is_told_of_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    print_table(models())
    shown = capsys.readouterr().out
    assert NAME in shown
    assert "…" not in shown
    assert "ffff" not in shown
    assert max(map(len, shown.splitlines())) <= width
    table, told = shown.split("Too narrow here for: ")
    assert "sha256" not in table
    assert "sha256." in told


def test_a_pipe_gets_every_column(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    print_table(models())
    assert "f" * 64 in capsys.readouterr().out


def test_where_all_have_room_a_table_is_what_rich_makes_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "150")

    def table() -> Table:
        made = Table("name", "two\nlines", "", title="a title", box=box.SIMPLE_HEAD)
        made.add_column("number", justify="right")
        made.add_row("[bold]marked[/] :smile:", "一二三", "", "1")
        made.add_row(Text("several words that wrap nowhere"), "first\nsecond", "x", "1,000")
        return made

    print_table(table())
    shown = capsys.readouterr().out
    Console().print(table())
    assert shown == capsys.readouterr().out
