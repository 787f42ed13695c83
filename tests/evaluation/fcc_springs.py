"""A crystal of springs between nearest neighbours, whose elastic tensor is known on paper."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from tests.zoo.reference_model import pairs
from zoo.batch import Batch, StructureFailure

STIFFNESS = 2.0
"""eV/Å²"""


class Springs:
    """Springs at rest at `length` (Å) between atoms that are closer than 1.2 times that.

    In an fcc crystal with lattice constant a = √2 length, Σ n_i n_j n_k n_l over the twelve neighbours gives
    C11 = 2 STIFFNESS / a and C12 = C44 = STIFFNESS / a.
    """

    def __init__(
        self,
        length: float,
        *,
        twist: float = 0.0,
        broken: Sequence[str] = (),
        unknown: Sequence[str] = (),
        stress: bool = True,
    ) -> None:
        self.length, self.twist, self.broken, self.unknown, self.stress = length, twist, broken, unknown, stress

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        """A Batch; `twist` (eV/Å³) is a stress σ_xx = twist (σ_yy's strain), which no energy has."""
        answers = [self._one(each) for each in atoms]
        errors = [self._failure(str(each.symbols)) for each in atoms]
        return Batch(
            energies=np.array([energy for energy, _, _ in answers]),
            forces=[forces for _, forces, _ in answers],
            stresses=np.array([stress for _, _, stress in answers]) if self.stress else None,
            errors=errors,
            seconds=1.0,
        )

    def _failure(self, symbols: str) -> StructureFailure | None:
        if symbols in self.broken:
            return StructureFailure("failed", "it broke")
        return StructureFailure("unsupported", "not that") if symbols in self.unknown else None

    def _one(self, atoms: Atoms) -> tuple[float, np.ndarray, np.ndarray]:
        first, _, vectors = pairs(atoms)
        distances = np.linalg.norm(vectors, axis=1)
        near = distances < 1.2 * self.length
        first, vectors, stretches = first[near], vectors[near], distances[near] - self.length
        pulls = STIFFNESS * (stretches / distances[near])[:, None] * vectors
        forces = np.zeros((len(atoms), 3))
        np.add.at(forces, first, pulls)
        stress = vectors.T @ pulls / 2 / atoms.get_volume()
        heights = np.abs(vectors[:, 1])
        stress[0, 0] += self.twist * (heights.max() / (self.length / np.sqrt(2)) - 1)
        return float(STIFFNESS / 4 * (stretches**2).sum()), forces, stress
