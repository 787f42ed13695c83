"""Symmetry finder: moyopy, asked in one way."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from moyopy import MoyoDataset

# It warns at every supercell that has not all operations of its primitive cell, as a 1 × 1 × 2 one of rocksalt; neither
# the group nor the operations are less right for it. Who set up logging still hears it.
logging.getLogger("moyo").addHandler(logging.NullHandler())


def find_symmetry(
    cell: NDArray[np.float64], fractional: NDArray[np.float64], numbers: NDArray[np.int64], *, symprec: float
) -> MoyoDataset:
    """Symmetry of a crystal: `cell` (3, 3), rows, Å; `fractional` (n, 3); `numbers` (n,), atomic numbers.

    `symprec` in Å; the angle tolerance is left open. Raises ValueError where not even the identity is found: `symprec`
    is so large for the structure that atoms or lattice vectors become equal.
    """
    import moyopy

    return moyopy.MoyoDataset(moyopy.Cell(cell.tolist(), fractional.tolist(), numbers.tolist()), symprec=symprec)
