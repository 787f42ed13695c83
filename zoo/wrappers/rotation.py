"""Rotations, proper and improper, of structures and of answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zoo.batch import Array

if TYPE_CHECKING:
    from ase import Atoms


def rotated(atoms: Atoms, matrix: Array) -> Atoms:
    """The structure under an orthogonal matrix; the cell stays right-handed: -a, -b, -c span the lattice of a, b, c."""
    rotated: Atoms = atoms.copy()
    rotated.positions = atoms.positions @ matrix.T
    rotated.cell = atoms.cell.array @ matrix.T * np.sign(np.linalg.det(matrix))
    return rotated


def random_rotation(rng: np.random.Generator) -> Array:
    """A proper rotation matrix, uniformly distributed: a uniform unit quaternion's."""
    return from_quaternion(rng.normal(size=4))


def from_quaternion(quaternion: Array) -> Array:
    """The proper rotation matrix of a quaternion (w, x, y, z) of any length but zero."""
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
