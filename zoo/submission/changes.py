"""Changes: what a pull request may hold, and which cards it is about, from the paths that it changes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from zoo.cards.card import Card

_MACHINES = (
    "leaderboard/results/",
    "leaderboard/scored/",
    "leaderboard/crystals/",
    "model_cards/checked/",
    "leaderboard/earlier.json",
)
"""What lanes of the main branch write: a figure that came with a pull request would be a claim, not a measurement."""
_CARD = re.compile(r"model_cards/(?:([a-z0-9][a-z0-9.-]*)\.md|canaries/([a-z0-9][a-z0-9.-]*)\.(?:json|py))")
_ADAPTER = re.compile(r"zoo/adapters/([a-z][a-z0-9_]*)\.py")


def written_by_machines(paths: Iterable[str]) -> list[str]:
    """Paths that no pull request may change, sorted."""
    return sorted(path for path in paths if path.startswith(_MACHINES))


def misplaced(paths: Iterable[str]) -> list[str]:
    """Paths in the folder of cards that are neither a card nor answers beside one, sorted.

    No lane would look at them. git writes a path with other letters than ASCII in quotation marks.
    """
    inside = (path for path in paths if path.startswith(("model_cards/", '"model_cards/')))
    return sorted(path for path in inside if not path.startswith(_MACHINES) and not _CARD.fullmatch(path))


def cards_of(paths: Iterable[str]) -> list[str]:
    """Names of the cards that are changed or whose canaries are, sorted."""
    return sorted({found[1] or found[2] for path in paths if (found := _CARD.fullmatch(path))})


def cards_of_adapters(paths: Iterable[str], cards: Iterable[Card]) -> list[str]:
    """Names of one card for each changed adapter that has one, sorted: what shows whether it still computes the same.

    It is a verified one before one that is only pinned, and the smallest of them.
    """
    families = {found[1] for path in paths if (found := _ADAPTER.fullmatch(path))}
    first: dict[str, Card] = {}
    for card in sorted(cards, key=lambda card: (not card.verified, card.parameters or 10**13, card.name)):
        if card.family in families and card.checkpoint.pinned:
            first.setdefault(card.family, card)
    return sorted(card.name for card in first.values())
