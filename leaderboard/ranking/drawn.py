"""Drawn: the panels of an entry as plain data, columns instead of rows, so that they stay small beside its result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leaderboard.charts.spec import Datasets, Spec
from leaderboard.views.base import Panel

Columns = Mapping[str, Mapping[str, Sequence[float | str]]]
"""Data set → column → its values, one per row."""

_TEXTS = ("title", "mark", "note", "reason", "alt")


@dataclass(frozen=True, eq=False)
class Stored(Mapping[str, Sequence[Mapping[str, float | str]]]):
    """Data sets of a panel that were stored by column; their rows are made when somebody asks for them."""

    columns: Columns

    def __getitem__(self, name: str) -> Sequence[Mapping[str, float | str]]:
        by_column = self.columns[name]
        return [dict(zip(by_column, row, strict=True)) for row in zip(*by_column.values(), strict=True)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


def plain(panels: Sequence[Panel]) -> dict[str, object]:
    """Panels as JSON values; specifications that several have in common stand once."""
    specs: list[Spec] = []
    told = []
    for panel in panels:
        if panel.spec is not None and panel.spec not in specs:
            specs.append(panel.spec)
        told.append(
            {
                **{name: getattr(panel, name) for name in _TEXTS},
                "spec": None if panel.spec is None else specs.index(panel.spec),
                "datasets": None if panel.datasets is None else columns(panel.datasets),
            }
        )
    return {"specs": specs, "panels": told}


def panels(found: Mapping[str, Any]) -> tuple[Panel, ...]:
    """What `plain` was given."""
    specs = found["specs"]
    return tuple(
        Panel(
            **{name: each[name] for name in _TEXTS},
            datasets=None if each["datasets"] is None else Stored(each["datasets"]),
            spec=None if each["spec"] is None else specs[each["spec"]],
        )
        for each in found["panels"]
    )


def columns(datasets: Datasets) -> Columns:
    """Data sets by column. Raises ValueError where rows of one have different columns."""
    if isinstance(datasets, Stored):
        return datasets.columns
    found = {}
    for name, rows in datasets.items():
        names = list(rows[0]) if rows else []
        if any(list(row) != names for row in rows):
            raise ValueError(f"{name}: not all rows have the same columns")
        found[name] = {column: [row[column] for row in rows] for column in names}
    return found
