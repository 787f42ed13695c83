"""Essay: a page that says something about many results at once; its sentences and figures come of the same numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from leaderboard.views.base import Spec


@dataclass(frozen=True)
class Picture:
    """A Vega-Lite figure with its data inside."""

    key: str
    """Unique on its page."""
    title: str
    """Above it, among small ones; empty for one that stands alone."""
    spec: Spec
    alt: str
    """What it shows, in words."""


@dataclass(frozen=True)
class Table:
    """Cells as they are shown; all columns but the first `texts` are numbers."""

    label: str
    """What it holds, for those who cannot see it."""
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: int = 1


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
    """What makes the results that are missing."""
    wide: bool = False
    """Whether each picture takes the page's width; several small ones share a row otherwise."""


@dataclass(frozen=True)
class Essay:
    """A page of the site under `<name>.html`."""

    name: str
    title: str
    lede: str
    parts: Sequence[Part]
    notes: Sequence[str] = ()
    """What the numbers do not say."""
    downloads: Mapping[str, str] = field(default_factory=dict)
    """File name → text, under the site's `data/`."""

    @property
    def pictures(self) -> list[Picture]:
        return [picture for part in self.parts for picture in part.pictures]
