"""Report: all results of one entry on one self-contained page, or in a terminal.

The page needs no network, no other file and no script: its pictures are drawn here, and stand in it as images, which
cannot act whatever is in the data. Its policy allows nothing but its own style sheet and these images.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation import task as tasks
from leaderboard.analysis.constraint_grades import ConstraintCard, constraint_cards
from leaderboard.charts.theme import ROLES, theme
from leaderboard.errors import NoResults
from leaderboard.ranking.board import boards
from leaderboard.ranking.collect import Collection, Entry, collect
from leaderboard.site.entry_section import Section, sections, spec_key
from leaderboard.site.markdown import prose_html
from leaderboard.site.templating import Renderer
from zoo.cards import index
from zoo.cards.card import Card
from zoo.cards.mode import Mode
from zoo.cards.training_sets import training_sets

if TYPE_CHECKING:
    from leaderboard.charts.spec import Datasets, Spec

_CSS = Path(__file__).parent / "static" / "site.css"
PICTURE_WIDTH = 220
"""Pixels of a picture before the page makes it fit."""


@dataclass(frozen=True)
class Report:
    """One entry with all its results."""

    name: str
    """`card@mode`"""
    card: Card
    mode: Mode
    entries: tuple[Entry, ...]
    constraints: tuple[ConstraintCard, ...]
    sections: tuple[Section, ...]
    faults: tuple[str, ...]
    """Results of this entry that could not be read."""

    @property
    def untested(self) -> list[str]:
        """Titles of tasks that it has no result of."""
        ran = {entry.task.name for entry in self.entries}
        return [tasks.load(name).title for name in tasks.names() if name not in ran]


def report(name: str, folders: Sequence[Path]) -> Report:
    """The report of `card` or `card@mode` from results in `folders`.

    Raises NoResults where the entry has none, with the modes of its checkpoint that have some; UnknownModel, ModeError.
    """
    card, mode = index.resolve(name)
    full = index.entry_name(card, mode)
    try:
        collection = collect(folders, entry=full)
    except NoResults:
        raise NoResults(_nothing(full, card, folders)) from None
    if not collection.entries:
        raise NoResults(f"no result of {full} can be shown:\n" + "\n".join(collection.faults))
    return of(collection, card, mode)


def of(collection: Collection, card: Card, mode: Mode) -> Report:
    """The report of an entry from what was collected."""
    full = index.entry_name(card, mode)
    mine = tuple(entry for entry in collection.entries if entry.name == full)
    found = sections((board, place) for board in boards(mine) for place in board.places if place.entry.name == full)
    return Report(
        name=full,
        card=card,
        mode=mode,
        entries=mine,
        constraints=tuple(constraint_cards(card, mode, collection.entries)),
        sections=tuple(found),
        faults=collection.faults,
    )


def html(report: Report) -> str:
    """The page."""
    style = _CSS.read_text(encoding="utf-8")
    return Renderer()(
        "report.html.j2",
        report=report,
        card=report.card,
        training_sets=training_sets(),
        prose=prose_html(report.card.prose),
        images=images(report),
        style=style,
        style_sha256=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )


def images(report: Report) -> dict[str, str]:
    """Address (`data:`) of each picture, by its section's id and its key there."""
    found = {}
    for section in report.sections:
        for panel, key in section.panels:
            if key is not None:
                svg = draw(section.specs[spec_key(panel, key)], section.datasets[key])
                found[f"{section.id}/{key}"] = "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
    return found


def draw(spec: Spec, datasets: Datasets) -> str:
    """A picture as SVG in the colours of the site, light or dark as the reader's system is."""
    import vl_convert

    filled: dict[str, object] = {**spec, "datasets": dict(datasets)}
    if isinstance(layers := spec.get("layer"), list):
        # a layer without a row has no extent
        filled["layer"] = [layer for layer in layers if datasets.get(_source(layer)) != []]
    if filled.get("width") == "container":
        filled["width"] = PICTURE_WIDTH
    svg = str(vl_convert.vegalite_to_svg(filled, config=_CONFIG, allowed_base_urls=[]))
    return re.sub(r"(<svg[^>]*>)", lambda head: head.group(1) + _style(), svg, count=1)


def _source(layer: Mapping[str, object]) -> str:
    data = layer.get("data")
    return str(data.get("name")) if isinstance(data, dict) else ""


_CONFIG = theme({role: f"var(--{role})" for role in ROLES}, label_size=10.5)


def _style() -> str:
    """The page's colours in both themes: a style sheet does not reach into an image."""
    light, dark = re.findall(r":root \{(.*?)\}", _CSS.read_text(encoding="utf-8"), re.DOTALL)[:2]
    return f"<style>:root{{{_colours(light)}}}@media(prefers-color-scheme:dark){{:root{{{_colours(dark)}}}}}</style>"


def _colours(block: str) -> str:
    return "".join(re.findall(r"--\w+: #[0-9a-f]{6};", block))


def _nothing(full: str, card: Card, folders: Sequence[Path]) -> str:
    others = sorted(
        {path.stem for folder in folders for path in folder.glob("*/*.json") if path.stem.startswith(f"{card.name}@")}
    )
    there = f" There are results of {', '.join(others)}." if others else ""
    return f"no results of {full}.{there} 'mlip-zoo evaluate {full}' makes one."
