"""Formula: what a crystal is called in tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def reduced(numbers: Sequence[int] | np.ndarray) -> str:
    """Reduced formula of a structure with these atomic numbers, (n,)."""
    from ase.formula import Formula
    from ase.symbols import Symbols

    return str(Formula(str(Symbols(np.asarray(numbers)))).reduce()[0])
