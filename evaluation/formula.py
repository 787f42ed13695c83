"""Formula: what a crystal is called in tables."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from zoo.cards.elements import SYMBOLS

_SYMBOLS = ("X", *SYMBOLS)
"""By atomic number; ASE's X is no element."""


def reduced(numbers: Sequence[int] | np.ndarray) -> str:
    """Reduced formula of a structure with these atomic numbers, (n,); elements in the order of their first atoms.

    What ASE's Formula makes of them, without the parsing that takes half a minute for all of WBM.
    """
    each = numbers.tolist() if isinstance(numbers, np.ndarray) else list(numbers)
    counts = [(z, each.count(z)) for z in dict.fromkeys(each)]
    units = math.gcd(*[n for _, n in counts])
    return "".join([f"{_SYMBOLS[z]}{n // units if n > units else ''}" for z, n in counts])
