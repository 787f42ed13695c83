"""Front pages: the board, choosing, comparing, the verdict on phonons, models, search, glossary, data and the feed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from leaderboard.analysis.licences import PERMISSIVE
from leaderboard.analysis.phonon_safety import LEAST_CRYSTALS, LEAST_RECALL, MOST_DEPENDENT
from leaderboard.ranking.board import Board
from leaderboard.ranking.export_columns import COLUMNS
from leaderboard.ranking.overview import MAIN_THEORY, Row
from leaderboard.reported.figures import Reported, ReportedModel, sources
from leaderboard.reported.quantities import QUANTITIES
from leaderboard.reported.reproduced import reported_sections
from leaderboard.site import feed
from leaderboard.site.data_files import FRONT_COLUMNS
from leaderboard.site.front import LATEST, Front, News, by_day, checkpoints_by_safety, claims_constrained, options
from leaderboard.site.glossary import TERMS
from leaderboard.site.periodic_table import places
from leaderboard.site.templating import Renderer
from zoo.cards.card import Card

if TYPE_CHECKING:
    from evaluation.task import Task
    from leaderboard.articles.article import Article

PRESETS = (
    (
        "Li-Fe-P-O, permissive licence: the fastest within 20 % of the best equation of state",
        "elements=Li,Fe,P,O&licence=permissive&within=20&sort=cost",
    ),
    ("Safe for phonons, fastest first", "safe=yes&sort=cost"),
    ("Unconstrained models, all modes", "constrained=no&modes=1&demo=1"),
    ("r2SCAN, any licence", "theory=r2SCAN"),
    (
        "Combined score: equation of state, formation energy and elasticity alike",
        "weights=eos%3A1,formation%3A1,elasticity%3A1&sort=-score",
    ),
)
"""Title and address of what people ask for."""


def front_pages(
    render: Renderer,
    front: Front,
    *,
    boards: Sequence[Board],
    cards: Sequence[Card],
    latest: Sequence[News],
    faults: Sequence[str],
) -> dict[str, str]:
    """The pages that are about all entries, path → text; `cards` are all of the zoo, `faults` what is left out."""
    measured = {row.card.name for row in front.table.rows}
    by_title = sorted(cards, key=lambda card: (card.title.casefold(), card.name))
    return {
        "index.html": render(
            "index.html.j2",
            front=front,
            faults=faults,
            caveats=sorted({e.caveat for row in front.table.rows for e in row.entries if e.caveat}),
            latest=by_day(latest[:LATEST]),
            waiting=sum(card.name not in measured for card in cards),
            listed=len(cards),
        ),
        "choose.html": render(
            "choose.html.j2",
            front=front,
            presets=PRESETS,
            options=options(front),
            periodic=places(),
            permissive=sorted(PERMISSIVE),
        ),
        "compare.html": render("compare.html.j2", front=front),
        "models.html": render("models.html.j2", cards=by_title, measured=measured),
        "safe-for-phonons.html": render(
            "safe.html.j2",
            front=front,
            by_verdict=checkpoints_by_safety(front),
            answers=answers(front),
            least_crystals=LEAST_CRYSTALS,
            least_recall=LEAST_RECALL,
            most_dependent=MOST_DEPENDENT,
        ),
        "reported.html": _reported_page(render, front, cards),
        "glossary.html": render("glossary.html.j2", terms=TERMS),
        "data.html": render("data.html.j2", columns=COLUMNS, front_columns=FRONT_COLUMNS, boards=boards),
        "data/feed.xml": feed.atom(latest),
    }


def _reported_page(render: Renderer, front: Front, cards: Sequence[Card]) -> str:
    """Every reported figure, and first those that were measured here as well."""
    entries = [entry for row in front.table.rows for entry in row.entries]
    found = [each for card in cards for each in reported_sections(card, entries)]
    apart = {card.name for card in cards if card.theory() != MAIN_THEORY}
    return render(
        "reported.html.j2",
        sources=[(source, reported_by_theory(source, apart)) for source in sources()],
        quantities=QUANTITIES,
        carded={card.name for card in cards},
        reproduced=[(each.model, line) for each in found for line in each.lines if line.ours],
    )


def reported_by_theory(source: Reported, apart: Collection[str]) -> list[tuple[str, list[ReportedModel]]]:
    """Heading → models of a source, those of the cards `apart` for themselves; the theory of others is unknown."""
    models: dict[str, list[ReportedModel]] = {"": [], "Of several levels of theory, or of another one": []}
    main, other = models
    for model in source.models:
        models[other if model.card in apart else main].append(model)
    return [(heading, found) for heading, found in models.items() if found]


def answers(front: Front) -> list[str]:
    """Which entries, and which unconstrained ones, are safe for phonons, in words."""
    rows = front.table.rows
    free = [row for row in rows if claims_constrained(row) is False]
    return [_answer(free, front, "unconstrained entries"), _answer(rows, front, "entries")]


def _answer(rows: Sequence[Row], front: Front, what: str) -> str:
    found = {
        verdict: [row for row in rows if front.facts[row.name].safety.verdict == verdict]
        for verdict in ("yes", "no", "not measured")
    }
    safe = ", ".join(f"{row.card.title} ({row.mode})" for row in found["yes"])
    told = f"Of {len(rows)} {what}, {len(found['yes'])} {'is' if len(found['yes']) == 1 else 'are'} safe for phonons"
    told += f": {safe}." if safe else "."
    return f"{told} {len(found['no'])} not; {len(found['not measured'])} not measured."


@dataclass(frozen=True)
class Found:
    """A page that the search lists."""

    title: str
    path: str
    kind: str
    words: str
    """What else finds it."""


def search_page(render: Renderer, cards: Mapping[str, Card], tasks: Iterable[Task], written: Sequence[Article]) -> str:
    """Everything that has a page or a definition, as one list: complete without a script, narrowed by one."""
    found = [
        Found("Board", "index.html", "page", "leaderboard table ranks"),
        Found("Choose a model", "choose.html", "page", "elements licence periodic table filter combined score"),
        Found("Compare entries", "compare.html", "page", "side by side"),
        Found("Safe for phonons", "safe-for-phonons.html", "page", "imaginary modes rule verdict"),
        Found("Models in the zoo", "models.html", "page", "all cards licence"),
        Found("Reported by others", "reported.html", "page", "published figures Matbench Discovery F1 CPS SRME"),
        Found("How to read it", "reading.html", "page", "interval rank protocol"),
        Found("Data", "data.html", "page", "CSV JSON Parquet schema columns download"),
        Found("Correct, submit, cite", "contribute.html", "page", "citation submission error report"),
        *(Found(article.title, f"{article.name}.html", "article", article.lede) for article in written),
        *(
            Found(task.title, f"tasks/{quote(task.name)}.html", "task", " ".join(m.label for m in task.metrics))
            for task in tasks
        ),
        *(
            Found(card.title, f"models/{quote(card.name)}.html", "model", f"{card.name} {card.family} {card.theory()}")
            for _, card in sorted(cards.items())
        ),
        *(Found(term.name, f"glossary.html#{term.key}", "term", term.text) for term in TERMS),
    ]
    return render("search.html.j2", found=found)
