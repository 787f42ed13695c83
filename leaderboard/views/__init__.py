"""Views: how one entry's samples of a task are shown on its model's page; a view's name is its task's name.

A task without a view shows its scores alone.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from evaluation.record import Record

Spec = dict[str, object]
"""A Vega-Lite specification."""
Datasets = Mapping[str, Sequence[Mapping[str, float | str]]]
"""Data set's name in the specification → its rows."""


@dataclass(frozen=True)
class Column:
    """A column of the table of samples: where its figures are in `Task.table`, and what they are called."""

    name: str
    label: str
    unit: str
    digits: int


@dataclass(frozen=True)
class Panel:
    """One small picture: a sample, or what many have in common."""

    title: str
    mark: str | None
    """What a reader must know about this sample, in a word."""
    note: str
    """The sample's figure, short."""
    reason: str | None
    """Why it has none."""
    alt: str
    datasets: Datasets | None
    """None where there is nothing to draw."""
    spec: Spec | None = None
    """Its own picture, where that is not the view's."""


class View(Protocol):
    """What a file in `leaderboard/views` offers under the name VIEW."""

    columns: tuple[Column, ...]
    caption: str
    """How the panels are read."""

    def spec(self) -> Spec:
        """The picture that panels share; each brings its own datasets."""

    def panels(self, records: Sequence[Record], rows: Sequence[Mapping[str, object]]) -> list[Panel]:
        """One panel per sample, in an order that a reader expects."""


def view(task: str) -> View | None:
    """The view of a task; None where nobody has written one."""
    if not (Path(__file__).parent / f"{task}.py").is_file():
        return None
    found: View = importlib.import_module(f"{__name__}.{task}").VIEW
    return found
