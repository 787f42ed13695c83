"""Licences: whether a card's licences allow any use that keeps the copyright notice."""

from __future__ import annotations

from zoo.cards.card import Card

PERMISSIVE = frozenset(
    {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC-BY-4.0", "CC0-1.0", "ISC", "MIT", "Unlicense"}
)
"""SPDX names of licences without a condition on use or on the licence of what is made with it."""


def is_permissive(card: Card) -> bool | None:
    """Whether code and weights both are under one of PERMISSIVE; None where the card does not name both."""
    found = (card.licence.code, card.licence.weights)
    if any(name is not None and name not in PERMISSIVE for name in found):
        return False
    return None if None in found else True
