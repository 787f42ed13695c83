"""Templating: the templates with what all of them need. Text of cards and results is escaped on every page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from leaderboard import formatting
from leaderboard.charts import board_plots
from leaderboard.ranking.collect import Entry
from leaderboard.ranking.overview import MAIN_THEORY
from leaderboard.reported.reproduced import reported_sections
from leaderboard.site.front import CLAIMS, claims_constrained, licence
from leaderboard.site.glossary import term_of
from zoo.adapters import families
from zoo.cards.card import Card
from zoo.cards.training_sets import training_sets

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from evaluation.task import Row, Task
    from leaderboard.articles.article import Article
    from leaderboard.views.base import Column

_TEMPLATES = Path(__file__).parent / "templates"


class Renderer:
    """The templates; `tasks` and `articles` are what the site's head links, `built` the day that its foot names."""

    def __init__(self, *, tasks: Sequence[Task] = (), articles: Sequence[Article] = (), built: str = "") -> None:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        self._environment: Environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self._environment.globals.update(
            tasks=tuple(tasks),
            articles=tuple(articles),
            families=families(),
            digits=formatting,
            axis_title=board_plots.axis_title,
            main_theory=MAIN_THEORY,
        )
        self._environment.globals.update(claims=CLAIMS, training_sets=training_sets(), built=built)
        self._environment.filters.update(
            json=json_block,
            href=quote,
            data=data_path,
            cells=cells,
            claim=_claim,
            worded=worded,
            licence=licence,
            reported=reported_sections,
            term=term_of,
            claims_constrained=claims_constrained,
        )

    def __call__(self, template: str, *, root: str = "", prose: str = "", style: str = "", **values: object) -> str:
        """Render a template.

        `prose` is HTML from `prose_html`, which passes no active content; `style` is our own style sheet.
        """
        from markupsafe import Markup

        values |= {"prose": Markup(prose), "style": Markup(style)}  # noqa: S704
        return self._environment.get_template(template).render(root=root, **values)

    def macro(self, template: str, name: str, *arguments: object) -> Markup:
        """What one macro of a template gives."""
        from markupsafe import Markup

        made = getattr(self._environment.get_template(template).module, name)(*arguments)
        return Markup(made)  # noqa: S704  # the template escaped it


def data_path(entry: Entry, suffix: str) -> str:
    """Where the site has an entry's result (`.json`) or records (`.parquet`)."""
    run = (entry.part_of or entry).result.run
    return f"data/results/{run.task}/{run.subset}/{run.entry}{suffix}"


def cells(row: Row, columns: Sequence[Column]) -> Markup:
    """One row's figures as cells of a table, of which a site has hundreds of thousands."""
    from markupsafe import Markup

    found = []
    for column in columns:
        value = cast("float | bool | None", row[column.name])
        if isinstance(value, bool):
            value, shown = int(value), "yes" if value else "no"
        else:
            shown = formatting.figure(value, column.digits)  # raises ValueError for what is no number
        found.append(f'<td class="number" data-sort="{"" if value is None else value}">{shown}</td>')
    return Markup("".join(found))  # noqa: S704


def worded(value: object) -> str:
    """A protocol's value without the brackets of a programming language."""
    if isinstance(value, dict):
        return "; ".join(f"{str(name).replace('_', ' ')}: {worded(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(worded, value))
    return str(value)


def json_block(data: object) -> Markup:
    """JSON for a `<script type="application/json">`: no character in it can end the element or open another."""
    from markupsafe import Markup

    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704


def _claim(card: Card) -> str:
    """A card's claim to be constrained, in words."""
    if card.constrained is None:
        return "not documented whether it is constrained"
    return "claims to be constrained" if card.constrained else "claims to be unconstrained"
