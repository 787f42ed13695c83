"""A potential whose fault is known exactly: the answer rotated back is a polynomial of one degree in the rotation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from numpy.polynomial.legendre import Legendre

from zoo.batch import Array, Batch, StructureFailure


class Oriented:
    """E = 1 + p, F = R·v(1 + p), σ = R·s(1 + p)·Rᵀ with p = P_l(e·R d), a sum over all D^l_mk.

    R is how `reference` has been rotated, known from its positions. An `odd` fault has the sign of det R as well.
    """

    def __init__(self, reference: Atoms, *, degree: int, seed: int = 0, odd: bool = False) -> None:
        rng = np.random.default_rng(seed)
        self.reference = reference
        self.calls = 0
        self.forces = rng.normal(size=(len(reference), 3))
        self.stress = (shear := rng.normal(size=(3, 3))) + shear.T
        self._p = Legendre.basis(degree)
        self._e, self._d = (vector / np.linalg.norm(vector) for vector in rng.normal(size=(2, 3)))
        self._odd = odd

    def fault(self, rotation: Array) -> float:
        """p"""
        sign = float(np.linalg.det(rotation)) if self._odd else 1.0
        return sign * float(self._p(self._e @ rotation @ self._d))

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        """A Batch; polonium is refused."""
        self.calls += 1
        rotations = [np.linalg.lstsq(self.reference.positions, each.positions)[0].T for each in atoms]
        sizes = [1 + self.fault(rotation) for rotation in rotations]
        return Batch(
            energies=np.array(sizes),
            forces=[self.forces @ rotation.T * size for rotation, size in zip(rotations, sizes, strict=True)],
            stresses=np.array([r @ self.stress @ r.T * size for r, size in zip(rotations, sizes, strict=True)]),
            errors=[StructureFailure("unsupported", "polonium") if "Po" in each.symbols else None for each in atoms],
            seconds=0.5,
        )
