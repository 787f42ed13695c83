"""A crystal of anharmonic bonds: analytic energies, forces and stresses with third derivatives, and no model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list

from zoo.batch import Batch, StructureFailure

ROCKSALT = (1 / 2, 1 / np.sqrt(2))
DIAMOND = (np.sqrt(3) / 4, 1 / np.sqrt(2))


class MorseCrystal:
    """Morse bonds between first and second neighbours, at rest in the perfect crystal. Some elements it refuses."""

    def __init__(
        self,
        a: float,
        distances: tuple[float, float] = ROCKSALT,
        *,
        constants: tuple[float, float] = (2.3, 1.2),
        decay: float = 1.2,
        refuses: Sequence[int] = (),
    ) -> None:
        """`a` in Å, neighbours' `distances` in units of it, force `constants` of the bonds in eV/Å², `decay` in 1/Å.

        The crystal is harmonic for a `decay` of zero, and the more anharmonic the larger it is.
        """
        self.rest = a * np.array(distances)
        self.decay = decay
        self.depths = np.array(constants) / (2 * decay**2)
        self.refuses = refuses
        self.calls = 0

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        self.calls += len(atoms)
        energies, forces, stresses = zip(*(self._one(a) for a in atoms), strict=True)
        errors = [StructureFailure("failed", "it broke") if a.numbers[0] in self.refuses else None for a in atoms]
        return Batch(np.array(energies), list(forces), np.array(stresses), errors, seconds=1.0)

    def _one(self, atoms: Atoms) -> tuple[float, np.ndarray, np.ndarray]:
        i, d, vectors = self._neighbours(atoms, 1.1 * self.rest[1])
        shell = (d > self.rest.mean()).astype(int)
        x = np.exp(-self.decay * (d - self.rest[shell]))
        energy = self.depths[shell] * (1 - x) ** 2
        slope = 2 * self.depths[shell] * self.decay * (1 - x) * x
        pulls = (slope / d)[:, None] * vectors
        forces = np.zeros((len(atoms), 3))
        np.add.at(forces, i, pulls)
        stress = np.einsum("ni,nj->ij", vectors, pulls) / 2 / atoms.get_volume()
        return float(energy.sum() / 2), forces, stress

    def _neighbours(self, atoms: Atoms, cutoff: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Index of the first atom, distance and vector of each pair."""
        i, d, vectors = neighbor_list("idD", atoms, cutoff)
        return i, d, vectors
