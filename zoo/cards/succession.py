"""Succession: which card takes the place of another, and of that one in turn."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.cards.card import Card
from zoo.errors import CardError


def successors(card: Card, cards: Iterable[Card]) -> tuple[str, ...]:
    """Names of the cards that supersede this one, the nearest first. Raises CardError for a gap or a circle."""
    known = {each.name: each for each in cards}
    found: list[str] = []
    while card.superseded_by is not None:
        following = card.superseded_by
        if following not in known:
            raise CardError(f"{card.name}: superseded_by: there is no card {following!r}")
        if following == card.name or following in found:
            raise CardError(f"{card.name}: superseded_by: {following!r} is superseded by itself in the end")
        found.append(following)
        card = known[following]
    return tuple(found)


def current(cards: Iterable[Card]) -> list[Card]:
    """Cards that are neither superseded nor withdrawn."""
    return [card for card in cards if card.superseded_by is None and card.withdrawn is None]
