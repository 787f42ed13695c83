"""Formatting: numbers as text, in the terminal and on the site.

No number is an en dash, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

NOTHING = "–"
MOST_DECIMALS = 3


def decimals(values: Iterable[float | None]) -> int:
    """Decimals that a column needs: three significant digits for its smallest number, and no more than 3.

    A column that is tiny throughout has 3, and `figure` writes what they do not show.
    """
    sizes = [abs(value) for value in values if value]
    if not sizes:
        return 2
    return max(0, min(MOST_DECIMALS, 2 - math.floor(math.log10(min(sizes))), 4 - math.floor(math.log10(max(sizes)))))


def figure(value: float | None, digits: int) -> str:
    """A number with `digits` decimals and a real minus sign, which zero never has.

    Where the decimals end at MOST_DECIMALS and would show a zero that is none, it is a power of ten: 2.5e−6.
    """
    if value is None:
        return NOTHING
    if value and digits >= MOST_DECIMALS and abs(value) < 0.5 * 10.0**-digits:
        mantissa, _, exponent = f"{value:.1e}".partition("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    return f"{value:z.{digits}f}".replace("-", "−")


def interval(low: float | None, high: float | None, digits: int) -> str:
    """`[low, high]`; empty where there is none."""
    return "" if low is None or high is None else f"[{figure(low, digits)}, {figure(high, digits)}]"


def count(number: int | None) -> str:
    """A large count to three digits: 413 k, 1.17 M."""
    if number is None:
        return NOTHING
    number = int(float(f"{number:.3g}"))  # first, or 999 600 would be 1000 k
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:#.3g}".rstrip(".") + f" {letter}"
    return str(number)


def duration(seconds: float) -> str:
    """Seconds, minutes or hours."""
    if seconds < 100:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 6000 else f"{seconds / 3600:.3g} h"


def microseconds(value: float | None) -> str:
    """µs per atom, three digits, no exponent."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}".replace(",", "\N{NO-BREAK SPACE}") if value >= 100 else f"{value:.3g}"


def short(value: float | None, digits: int = 2) -> str:
    """So many significant digits, whatever the size: 0.038, 2.4, 1.2e−7. For numbers whose column spans decades."""
    if value is None:
        return NOTHING
    mantissa, mark, exponent = f"{value:.{digits}g}".partition("e")
    if mark and 0 < int(exponent) < 6:
        return f"{float(f'{mantissa}e{exponent}'):,.0f}".replace(",", "\N{NO-BREAK SPACE}").replace("-", "−")
    return (f"{mantissa}e{int(exponent)}" if mark else mantissa).replace("-", "−")


def capitalised(label: str) -> str:
    """A label at the start of a sentence; a Greek letter is a symbol and stays as it is."""
    return label[0].upper() + label[1:] if label[0].isascii() else label
