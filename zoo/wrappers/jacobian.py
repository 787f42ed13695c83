"""The Jacobian of a force field, by central differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from zoo.batch import Array, Computes
from zoo.errors import StructureError

if TYPE_CHECKING:
    from ase import Atoms


def jacobian(model: Computes, atoms: Atoms, *, step: float = 5e-3) -> Array:
    """J[ia, jb] = ∂F_ia/∂x_jb, (3n, 3n), eV/Å², from the forces at ±`step` (Å) of each coordinate: 6n evaluations.

    The cell stays. The error is step²/6 times the forces' third derivative, and rounding of the forces divided by the
    step. Raises StructureError with the model's reason where it cannot do one of the structures.
    """
    batch = model.compute(displaced(atoms, step=step))
    if reason := next(filter(None, batch.errors), None):
        raise StructureError(str(reason))
    return differences(batch.forces, step=step)


def displaced(atoms: Atoms, *, step: float) -> list[Atoms]:
    """The 6n structures whose forces `differences` reads: each coordinate at +`step`, then at -`step` (Å)."""
    structures = []
    for index in np.ndindex(len(atoms), 3):
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[index] += sign * step
            structures.append(moved)
    return structures


def differences(forces: Sequence[Array], *, step: float) -> Array:
    """J (3n, 3n), eV/Å², from the forces of `displaced`."""
    size = 3 * len(forces[0])
    up, down = np.array(forces).reshape(-1, 2, size).transpose(1, 0, 2)
    jacobian: Array = (up - down).T / (2 * step)
    return jacobian
