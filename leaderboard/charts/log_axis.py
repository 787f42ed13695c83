"""Logarithmic axes with few ticks, at round numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import altair as alt

LEAST_PLAIN, MOST_PLAIN = 1e-4, 1e5
"""Labels between these have no exponent."""
FEWEST = 3
"""Ticks that a picture needs."""


def log_ticks(values: Iterable[float]) -> list[float]:
    """Powers of ten between the smallest and the largest value, both > 0; where few, other round numbers, at most 6.

    All of what Vega-Lite would draw itself, nine lines a decade, hides the data.
    """
    found = [value for value in values if value > 0]
    if not found:
        return []
    low, high = min(found), max(found)
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    tens = _between(low, high, [float(f"1e{exponent}") for exponent in exponents])
    if len(tens) >= FEWEST:
        return tens[:: math.ceil(len(tens) / 6)]
    some, more = (
        _between(low, high, [float(f"{digit}e{exponent}") for exponent in exponents for digit in digits])
        for digits in ((1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8))
    )
    fitting = next((ticks for ticks in (some, more) if len(ticks) >= FEWEST), None) or _even(low, high)
    return fitting[:: math.ceil(len(fitting) / 6)]


def log_axis(values: Iterable[float], *, grid: bool = True, form: str | None = None) -> alt.Axis:
    """The axis of a logarithmic scale over `values`; `form` is d3's format of a label, by their size when not given."""
    import altair as alt

    ticks = log_ticks(values)
    plain = all(LEAST_PLAIN <= tick < MOST_PLAIN for tick in ticks)
    large = all(tick >= 1 for tick in ticks)
    return alt.Axis(values=ticks, grid=grid, format=form or ("~g" if plain else "~s" if large else "~e"))


def _even(low: float, high: float) -> list[float]:
    """Multiples of the largest round step of which three lie between; one value where both are the same."""
    if high <= low * 1.001:
        return [low]
    steps = [digit * 10.0**exponent for exponent in range(0, -4, -1) for digit in (5, 2, 1)]
    for step in (part * 10.0 ** math.floor(math.log10(high)) for part in steps):
        first, last = math.ceil(low / step), math.floor(high / step)
        if last - first + 1 >= FEWEST:
            return [float(f"{number * step:.6g}") for number in range(first, last + 1)]
    return [low, high]


def _between(low: float, high: float, ticks: Iterable[float]) -> list[float]:
    slack = 1.001  # a value that is a power of ten itself
    return [tick for tick in ticks if low / slack <= tick <= high * slack]
