"""Pairwise: crystals of springs that hold, and aluminium of Morse pairs, whose bcc crystal is unstable."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from ase import Atoms

from tests.evaluation.springs import SHELLS
from zoo.batch import Batch, StructureFailure
from zoo.wrappers.synthetic_errors import Pairs

LENGTH, DECAY, DEPTH, CUTOFF = 2.85, 2.2, 0.4, 4.6
"""Å, 1/Å, eV and Å. Pairs as narrow as this (decay times length is 6.3) make close-packed crystals; in bcc C′ < 0."""
BCC = ((3.24 * np.sqrt(3) / 2, 3.0), (3.24, 2.0))
"""Springs, as in SHELLS, to both shells of bcc aluminium: they hold it."""


class Pairwise:
    """Knows aluminium and what is in SHELLS."""

    def __init__(self, *, hides: bool = False, fails: Callable[[Atoms], bool] = lambda atoms: False) -> None:
        """`hides`: bcc aluminium is stable."""
        self.hides, self.fails = hides, fails

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        energies, forces, stresses, errors = zip(*(self._one(each) for each in atoms), strict=True)
        return Batch(np.array(energies), list(forces), np.array(stresses), list(errors), seconds=float(len(atoms)))

    def _one(self, atoms: Atoms) -> tuple[float, np.ndarray, np.ndarray, StructureFailure | None]:
        elements = set(atoms.symbols)
        shells = next((shells for name, shells in SHELLS.items() if elements == set(Atoms(name).symbols)), None)
        if elements == {"Al"}:
            shells = BCC if self.hides else ()
        if shells is None:
            return (
                np.nan,
                np.full((len(atoms), 3), np.nan),
                np.full((3, 3), np.nan),
                StructureFailure("unsupported", "not that"),
            )
        pairs = Pairs.of(atoms)
        energies, slopes = _springs(pairs.distances, shells) if shells else _morse(pairs.distances)
        pulls = (slopes / pairs.distances)[:, None] * pairs.vectors
        stress = np.einsum("ni,nj->ij", pairs.vectors, pulls) / 2 / atoms.get_volume()
        error = StructureFailure("failed", "it broke") if self.fails(atoms) else None
        return float(energies.sum() / 2), pairs.sums(pulls, len(atoms)), stress, error


def _springs(distances: np.ndarray, shells: Sequence[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Energies and their slopes; a pair belongs to the shell whose rest length is within 7 % of its distance."""
    energies, slopes = np.zeros_like(distances), np.zeros_like(distances)
    for rest, stiffness in shells:
        stretch = np.where(abs(distances / rest - 1) < 0.07, distances - rest, 0.0)
        energies += stiffness / 2 * stretch**2
        slopes += stiffness * stretch
    return energies, slopes


def _morse(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Likewise, smoothly cut off."""
    x = np.exp(-DECAY * (distances - LENGTH))
    energies, slopes = DEPTH * (x**2 - 2 * x), 2 * DEPTH * DECAY * (x - x**2)
    inside = np.maximum(1 - (distances / CUTOFF) ** 2, 0)
    cut, cut_slope = inside**2, -4 * distances / CUTOFF**2 * inside
    return energies * cut, slopes * cut + energies * cut_slope
