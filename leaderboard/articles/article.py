"""Article: a page about many results at once; its sentences and pictures are computed from the same numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from leaderboard.charts.spec import Picture


@dataclass(frozen=True)
class Factor:
    """A number that the reader sets, by which a table's last column is multiplied."""

    label: str
    value: float
    """Until the reader sets another one."""
    units: Sequence[float]
    """Of each row: its cell for a factor of one."""


@dataclass(frozen=True)
class Table:
    """Cells as they are shown; all columns but the first `texts` are numbers, and the last where it is `worded`."""

    label: str
    """What it holds, for those who cannot see it."""
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: int = 1
    worded: bool = False
    """Whether the last column holds sentences."""
    factor: Factor | None = None


@dataclass(frozen=True)
class Part:
    """A heading and what stands below it, in this order."""

    title: str
    sentences: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    caption: str = ""
    """How the pictures are read."""
    table: Table | None = None
    command: str | None = None
    """The command that makes missing results."""
    wide: bool = False
    """Whether each picture takes the page's width; several small ones share a row otherwise."""


@dataclass(frozen=True)
class Article:
    """A page of the site under `<name>.html`."""

    name: str
    title: str
    lede: str
    parts: Sequence[Part]
    notes: Sequence[str] = ()
    """How to read the numbers, and their limits."""
    downloads: Mapping[str, str] = field(default_factory=dict)
    """File name → text, under the site's `data/`."""

    @property
    def pictures(self) -> list[Picture]:
        return [picture for part in self.parts for picture in part.pictures]
