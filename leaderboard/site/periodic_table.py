"""Periodic table: where each element stands on a page, lanthanides and actinides below the rest."""

from __future__ import annotations

from zoo.cards.elements import SYMBOLS

_NOBLE = (2, 10, 18, 36, 54, 86, 118)
"""Atomic number that ends each period."""


def places() -> list[tuple[str, int, int]]:
    """Symbol, row and column, both from 1; rows 8 and 9 hold lanthanides and actinides."""
    return [(symbol, *_place(number)) for number, symbol in enumerate(SYMBOLS, start=1)]


def _place(number: int) -> tuple[int, int]:
    period = next(i for i, last in enumerate(_NOBLE, start=1) if number <= last)
    start = _NOBLE[period - 2] + 1 if period > 1 else 1
    if 57 <= number <= 70 or 89 <= number <= 102:
        return period + 2, 4 + number - (57 if period == 6 else 89)
    after = _NOBLE[period - 1] - number
    if number - start < 2 and number != 2:
        return period, number - start + 1
    return period, 18 - after
