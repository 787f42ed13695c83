"""Images of displaced supercells: what the lattice's rotations make of the forces of one of them.

A rotation of the lattice about the displaced atom, put down on another atom, is a symmetry of the crystal when every
atom lands on one of its element. It takes a displaced supercell to another one, and its forces with it: as far as the
model respects the symmetry. No translation has to be known for it, and no group has to be found.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evaluation.physics import phonons

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

_METRIC = 1e-3
"""Relative: how far a rotation may be from keeping the cell's lengths and angles."""
_LANDED = 1e-3
"""Å: atoms of relaxed cells that kept their group are within 1e-6 of their images."""
_BITS = 24
"""Rotations of whole numbers are whole multiples of 2⁻²⁴: the same on every machine."""


class Images:
    """Of the supercell of one crystal."""

    def __init__(self, crystal: phonons.PhononCrystal) -> None:
        from phonopy.structure.cells import get_supercell

        cell = get_supercell(phonons.phonopy_atoms(crystal.atoms), crystal.supercell_matrix)
        self._positions, self._numbers = np.array(cell.scaled_positions), np.array(cell.numbers)
        self._cell = np.array(cell.cell)
        self._unit = crystal.atoms
        self._known: dict[tuple[int, int, int], Integers | None] = {}

    @property
    def n_atoms(self) -> int:
        return len(self._numbers)

    @cached_property
    def rotations(self) -> Array:
        """(n, 3, 3): x' = x @ rotation, Cartesian; the unit cell's lattice is the same afterwards."""
        cell = self._unit.cell.array
        whole = _unimodular()
        metric = cell @ cell.T
        moved = np.abs(whole @ metric @ whole.transpose(0, 2, 1) - metric).max(axis=(1, 2))
        kept = whole[moved < _METRIC * np.abs(metric).max()]
        return np.asarray(np.linalg.inv(cell) @ kept @ cell)

    @cached_property
    def _tree(self) -> cKDTree:
        from scipy.spatial import cKDTree

        return cKDTree(_wrapped(self._positions), boxsize=1.0)

    def landing(self, rotation: int, centre: int, target: int) -> Integers | None:
        """Where each atom lands, by the rotation about atom `centre` put down on atom `target`; None: no symmetry."""
        key = (rotation, centre, target)
        if key not in self._known:
            self._known[key] = self._landing(*key)
        return self._known[key]

    def _landing(self, rotation: int, centre: int, target: int) -> Integers | None:
        fractional = self._cell @ self.rotations[rotation] @ np.linalg.inv(self._cell)
        if np.abs(fractional - np.rint(fractional)).max() > _METRIC:  # the supercell is not the same afterwards
            return None
        moved = (self._positions - self._positions[centre]) @ np.rint(fractional) + self._positions[target]
        distance, landed = self._tree.query(_wrapped(moved))
        if distance.max() * np.abs(self._cell).max() > _LANDED or (self._numbers[landed] != self._numbers).any():
            return None
        return np.asarray(landed) if len(np.unique(landed)) == len(landed) else None

    def turns(self, vector: Array, into: Array) -> list[int]:
        """Rotations that take one displacement into another."""
        return np.flatnonzero(np.abs(vector @ self.rotations - into).max(axis=1) < phonons.SAME).tolist()

    def turned(self, forces: Integers, rotation: int) -> Integers:
        """Whole numbers (n, 3), rotated and rounded."""
        exact = np.rint(self.rotations[rotation] * 2**_BITS).astype(np.int64)
        return np.asarray((forces @ exact + 2 ** (_BITS - 1)) >> _BITS)


def frequencies_from_images(
    crystal: phonons.PhononCrystal, images: Images, moved: phonons.Displacements, forces: Array, *, qpoints: Array
) -> Array:
    """Frequencies (n_q, n_modes), THz, of the reduced set: those of `phonons.reduced_set_frequencies` to 1e-9 THz.

    That one has the symmetry of the supercell found, which takes seconds for 512 atoms; this one has the images of what
    was displaced, and tells phonopy of no symmetry. `forces` (n, n_atoms, 3), eV/Å: of the displaced supercells.
    """
    plain = crystal.without_symmetry
    targets = np.array(plain.primitive.p2s_map).tolist()
    constants = np.empty((len(targets), images.n_atoms, 3, 3))
    for row, target in enumerate(targets):
        steps, answers = [], []
        for k in moved.reduced:
            for rotation in range(len(images.rotations)):
                landed = images.landing(rotation, moved.atoms[k], target)
                if landed is not None:
                    answer = np.empty_like(forces[k])
                    answer[landed] = forces[k] @ images.rotations[rotation]
                    steps.append(moved.vectors[k] @ images.rotations[rotation])
                    answers.append(answer.ravel())
        solved = np.linalg.pinv(np.array(steps)) @ np.array(answers)
        constants[row] = -solved.reshape(3, -1, 3).transpose(1, 0, 2)
    plain.force_constants = constants
    plain.symmetrize_force_constants(show_drift=False)
    return np.array(plain.run_qpoints(qpoints).frequencies)


def _wrapped(positions: Array) -> Array:
    """Fractional, in [0, 1)."""
    inside = positions % 1.0
    inside[inside >= 1.0] = 0.0  # -1e-20 % 1 is 1
    return np.asarray(inside)


@lru_cache
def _unimodular() -> Array:
    """(n, 3, 3): all integer matrices of -1, 0 and 1 with a determinant of ±1, in a fixed order."""
    every = np.array(list(product((-1.0, 0.0, 1.0), repeat=9))).reshape(-1, 3, 3)
    return np.asarray(every[np.rint(np.abs(np.linalg.det(every))) == 1])
