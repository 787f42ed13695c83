"""Formula: what a crystal is called in tables."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np


def reduced(numbers: Sequence[int] | np.ndarray) -> str:
    """Reduced formula of a structure with these atomic numbers, (n,); elements in the order of their first atoms.

    What ASE's Formula makes of them, without the parsing that takes half a minute for all of WBM.
    """
    from ase.data import chemical_symbols

    counts = Counter(numbers.tolist() if isinstance(numbers, np.ndarray) else numbers)
    units = math.gcd(*counts.values())
    return "".join(f"{chemical_symbols[z]}{n // units if n > units else ''}" for z, n in counts.items())
