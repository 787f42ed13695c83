"""Diff: scores that differ between two sets of results, and by how much of their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from evaluation import task as tasks
from evaluation.errors import UnknownTask
from evaluation.metric import Metric, Score, alike
from evaluation.result import Result, read_result
from leaderboard import formatting
from leaderboard.errors import NoResults, ResultFault
from zoo.console import plain

if TYPE_CHECKING:
    from rich.console import Console

Key = tuple[str, str, str]
"""Task, subset, entry."""


@dataclass(frozen=True)
class Move:
    """One score of one entry, before and after."""

    task: str
    subset: str
    entry: str
    metric: str
    old: Score | None
    """None where that side has no such score."""
    new: Score | None

    @property
    def change(self) -> float | None:
        """New less old, in the metric's unit; None where either has no value."""
        if self.old is None or self.new is None or self.old.value is None or self.new.value is None:
            return None
        return self.new.value - self.old.value

    @property
    def of_interval(self) -> float | None:
        """|change| over half the width of the old 95 % interval: 1 is the interval's edge. None without a width."""
        if self.change is None or self.old is None or self.old.low is None or self.old.high is None:
            return None
        half = (self.old.high - self.old.low) / 2
        return abs(self.change) / half if half > 0 else None

    @property
    def verdict(self) -> str:
        """`better`, `worse` or `moved` (a metric that this version does not know), or which side has no value."""
        if self.change is None:
            return "appeared" if self.new is not None and self.new.value is not None else "vanished"
        if self.change == 0:
            return "samples"  # the same value from another number of samples, or with another interval
        metric = _metric(self.task, self.metric)
        if metric is None:
            return "moved"
        return "better" if (self.change < 0) == (metric.better == "lower") else "worse"


@dataclass(frozen=True)
class Diff:
    """What differs between two sets of results."""

    moves: tuple[Move, ...]
    compared: int
    """Results that both sides have."""
    only_old: tuple[Key, ...]
    only_new: tuple[Key, ...]
    conditions: tuple[str, ...]
    """Results whose protocol, data, checkpoint or subset's size are not those of before: their scores may move."""


def compare(old: Path, new: Path) -> Diff:
    """Compare two folders of results (or of runs that have one), or two results; what differs by rounding does not.

    Raises NoResults, ResultFault.
    """
    before, after = _read(old), _read(new)
    if old.is_file() and new.is_file():  # two files are compared whatever they are called
        ((key, first),), ((_, second),) = before.items(), after.items()
        if first.run.task != second.run.task:
            raise ResultFault(f"{old} is of {first.run.task}, {new} of {second.run.task}: nothing to compare")
        before, after = {key: first}, {key: second}
    both = sorted(before.keys() & after.keys())
    moves = [move for key in both for move in _moves(key, before[key], after[key])]
    return Diff(
        moves=tuple(moves),
        compared=len(both),
        only_old=tuple(sorted(before.keys() - after.keys())),
        only_new=tuple(sorted(after.keys() - before.keys())),
        conditions=tuple(note for key in both if (note := _conditions(key, before[key], after[key]))),
    )


def as_json(found: Diff) -> dict[str, object]:
    """The same as plain data."""
    return {
        "compared": found.compared,
        "moves": [
            {
                **{name: getattr(move, name) for name in ("task", "subset", "entry", "metric", "change", "verdict")},
                "of_interval": move.of_interval,
                "old": move.old.model_dump() if move.old else None,
                "new": move.new.model_dump() if move.new else None,
            }
            for move in found.moves
        ],
        "only_old": [list(key) for key in found.only_old],
        "only_new": [list(key) for key in found.only_new],
        "conditions": list(found.conditions),
    }


def show(found: Diff, console: Console) -> None:
    """Print it as a table, the largest moves against their interval first."""
    from rich.table import Table
    from rich.text import Text

    for title, keys in (("only in the old", found.only_old), ("only in the new", found.only_new)):
        for key in keys:
            console.print(Text(f"{title}: {plain(' / '.join(key))}", style="yellow"))
    for note in found.conditions:
        console.print(Text(plain(note), style="yellow"))
    if not found.moves:
        nothing = f"{found.compared} results compared; no score differs."
        console.print(nothing if found.compared else "The two have no result in common.")
        return
    table = Table(title="Changed scores", show_lines=True)
    table.add_column("entry, task, metric", overflow="fold")  # one column, so that a terminal of 80 has room for names
    for name in ("old", "new", "change", "of the interval"):
        table.add_column(name, justify="right")
    table.add_column("")
    for move in sorted(found.moves, key=_weight):
        places = formatting.decimals([*(score.value if score else None for score in (move.old, move.new)), move.change])
        share = "" if move.of_interval is None else f"{move.of_interval:.0%}"
        style = {"better": "green", "worse": "red"}.get(move.verdict, "yellow")
        values = (formatting.figure(score.value if score else None, places) for score in (move.old, move.new))
        unit = metric.unit if (metric := _metric(move.task, move.metric)) else ""
        table.add_row(
            "\n".join(map(plain, (move.entry, f"{move.task}, {move.subset}", f"{move.metric} {unit}".rstrip()))),
            *values,
            formatting.figure(move.change, places),
            share,
            Text(move.verdict, style=style),
        )
    console.print(table)
    console.print(
        f"{found.compared} results compared. Of the interval: the change over half the old 95 % interval. Units and "
        "directions are today's: where a metric has been defined anew, its values do not compare.",
        style="dim",
    )


def _weight(move: Move) -> tuple[bool, float, Key, str]:
    key = (move.task, move.subset, move.entry)
    return move.of_interval is not None, -(move.of_interval or 0.0), key, move.metric


def _read(path: Path) -> dict[Key, Result]:
    inner = path / "results"
    folder = inner if inner.is_dir() else path
    paths: Sequence[Path] = [path] if path.is_file() else sorted(folder.glob("*/*.json"))
    if not paths:
        raise NoResults(f"{path}: no results there")
    found: dict[Key, Result] = {}
    for file in paths:
        try:
            result = read_result(file)
        except (OSError, ValidationError) as error:
            raise ResultFault(f"{file}: {error}") from None
        found[result.run.task, result.run.subset, result.run.entry] = result
    return found


def _moves(key: Key, old: Result, new: Result) -> list[Move]:
    names = sorted(old.scores.keys() | new.scores.keys())
    moves = [Move(*key, name, old.scores.get(name), new.scores.get(name)) for name in names]
    return [move for move in moves if not alike(move.old, move.new)]


def _conditions(key: Key, old: Result, new: Result) -> str:
    names = {
        "protocol_sha256": "protocol",
        "dataset_sha256": "data",
        "checkpoint_sha256": "checkpoint",
        "subset": "subset",
        "device": "device",
    }
    other = [label for name, label in names.items() if getattr(old.run, name) != getattr(new.run, name)]
    if old.run.counts != new.run.counts:
        other.append("counts")
    return f"{' / '.join(key)}: another {', '.join(other)}" if other else ""


def _metric(task: str, name: str) -> Metric | None:
    try:
        return next((metric for metric in tasks.load(task).metrics if metric.name == name), None)
    except UnknownTask:
        return None
