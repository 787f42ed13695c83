"""Symmetry: relaxations that may lose a crystal's space group, and what the loss costs.

A free relaxation follows the forces alone; a fixed one keeps the group. Each runs in the potential's own floating-point
type and, where it has another, in that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evaluation.physics import phonons
from evaluation.physics.other_mode import other_dtype
from evaluation.physics.relax import relax
from evaluation.physics.relaxation import Relaxation, Relaxed
from evaluation.symmetry_finder import find_symmetry

if TYPE_CHECKING:
    from ase import Atoms

    from zoo.batch import Computes

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Relaxations:
    """What became of one crystal: with the group free and fixed, in the own and in the other dtype."""

    own: dict[str, Relaxed]
    """By `free` and `fixed`."""
    other: dict[str, Relaxed] = field(default_factory=dict)
    """Likewise; empty where the potential has one dtype only."""


def relaxations(
    potential: Computes, crystals: Sequence[Atoms], settings: Relaxation, *, symprec: float
) -> list[Relaxations]:
    """Relax each crystal in all ways; `symprec` (Å) is where a fixed relaxation finds the group that it keeps.

    Raises what `relax` raises.
    """
    ways = {"free": settings, "fixed": replace(settings, symprec=symprec)}
    own = {name: relax(potential, crystals, way) for name, way in ways.items()}
    other: dict[str, list[Relaxed]] = {}
    # where nothing worked, as with elements that the model does not know, a second worker would say the same
    worked = any(one.atoms is not None for found in own.values() for one in found)
    beside = other_dtype(potential) if worked else None
    if beside is not None:
        with beside as computes:
            other = {name: relax(computes, crystals, way) for name, way in ways.items()}
    return [
        Relaxations(
            own={name: found[place] for name, found in own.items()},
            other={name: found[place] for name, found in other.items()},
        )
        for place in range(len(crystals))
    ]


def allowed_strain(atoms: Atoms, strain: Array, *, symprec: float) -> Array:
    """The part (3, 3) of a symmetric strain (3, 3) that the point group leaves alone: its mean over the group.

    Of a cubic crystal that is the isotropic part. `symprec` in Å. Raises ValueError where no symmetry is found.
    """
    cell = atoms.cell.array
    found = find_symmetry(cell, atoms.get_scaled_positions(), atoms.numbers, symprec=symprec)
    # rotations act on fractional columns; in Cartesian ones they are orthogonal
    turns = np.array([cell.T @ np.array(turn) @ np.linalg.inv(cell.T) for turn in found.operations.rotations])
    return np.asarray(np.einsum("gab,bc,gdc->ad", turns, strain, turns) / len(turns))


def strained(atoms: Atoms, strain: Array) -> Atoms:
    """A copy under a strain (3, 3), the atoms with the cell."""
    copy: Atoms = atoms.copy()
    copy.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    return copy


def displaced_supercells(atoms: Atoms, *, symprec: float, distance: float) -> int | None:
    """Displaced supercells that phonopy needs for a crystal as it is; None where it finds no symmetry at all.

    Counted in the unit cell itself, translations within it included: a supercell of whole unit cells along its axes has
    the same group and needs as many. `distance`, Å, does not move the number.
    """
    eye = np.eye(3, dtype=np.int64)
    crystal = phonons.PhononCrystal(atoms, eye, np.eye(3), symprec)
    try:
        return len(phonons.reduced_displacements(crystal, distance=distance).reduced)
    except phonons.NoPrimitiveCell:
        return None
