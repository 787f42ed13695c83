"""Open boundaries: structures that are not periodic in every direction, for models that are asked about crystals.

A box is periodic everywhere, with open directions so long that no image is within the model's cutoff: energy and forces
are those of the structure. Its stress σ' is that of the box. The structure's own is

    σ = P σ' P · V'/V,

V' and V being the volumes of the box and of the structure's own cell, and P the projection onto the space of its
periodic cell vectors: V·σ is the derivative of the energy by strains along periodic directions, whatever vacuum the
cell has, and components along an open direction are zero, as they are of atoms at rest. So a cell filter relaxes a
layer in its plane. Without a periodic direction, or with a cell without a volume, there is no stress; nor where the
model's stress is a head's instead of a derivative, which says nothing of the volume that it belongs to.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zoo.batch import Array
from zoo.runtime.facts import Knows
from zoo.runtime.request import Request
from zoo.runtime.serving import completed

if TYPE_CHECKING:
    from ase import Atoms

MARGIN = 1.0
"""Å beyond the cutoff: no rounding brings an image within it."""
_FLAT = 1e-6
"""Volume over the product of the lengths of the cell vectors, below which there is none."""


def to_box(request: Request, knows: Knows) -> NDArray[np.bool]:
    """(n,) bool: which structures a model cannot be asked as they are.

    All that are periodic in one or two directions are put into a box, also for models that know them: by which volume
    each family divides their virial is its own affair.
    """
    periodic = request.pbc.astype(bool)
    open_everywhere = ~periodic.any(axis=1)
    return np.asarray(~periodic.all(axis=1) & ~(open_everywhere & (knows != "full")))


def boxed(request: Request, which: NDArray[np.bool], *, reach: float) -> Request:
    """The same atoms, those of `which` (n,) periodic in every direction, without an image within `reach` (Å).

    Along open directions the vector of the box is at right angles to the others, its atoms are in the middle, and empty
    layers that are thicker than `reach` become thinner: the memory of neighbour lists grows with the volume.
    """
    if not which.any():
        return request
    positions, cells, pbc = request.positions.copy(), request.cells.copy(), request.pbc.copy()
    ends = np.cumsum(request.n_atoms)
    for index in np.flatnonzero(which):
        atoms = slice(ends[index] - request.n_atoms[index], ends[index])
        periodic = pbc[index].astype(bool)
        cell = completed(cells[index], periodic)
        for axis in np.flatnonzero(~periodic):
            heights = positions[atoms] @ cell[axis]
            moved = _without_voids(heights, reach + MARGIN)
            length = moved.max() + reach + MARGIN
            moved += (reach + MARGIN) / 2
            positions[atoms] += (moved - heights)[:, None] * cell[axis]
            cell[axis] *= length
        cells[index], pbc[index] = cell, 1
    return replace(request, positions=positions, cells=cells, pbc=pbc)


def _without_voids(heights: Array, widest: float) -> Array:
    """(n,): heights from zero on, wider gaps between two that follow each other made `widest` (Å)."""
    order = np.argsort(heights)
    moved = np.empty_like(heights)
    moved[order] = np.cumsum(np.minimum(np.diff(heights[order], prepend=heights[order[0]]), widest))
    return moved


def own_stresses(given: Request, asked: Request, stresses: Array, *, direct: bool = False) -> Array:
    """(n, 3, 3): stresses of the structures as they were `given`, from those as they were `asked`, eV/Å³.

    NaN where a structure has none; see `no_stress`.
    """
    if given.pbc.all():
        return stresses
    own = stresses.copy()
    for index in np.flatnonzero(~given.pbc.astype(bool).all(axis=1)):
        cell, pbc = given.cells[index], given.pbc[index].astype(bool)
        volume = _volume(cell)
        if direct or not pbc.any() or volume == 0:
            own[index] = np.nan
            continue
        along = _along_periodic(cell, pbc)
        ratio = abs(np.linalg.det(asked.cells[index])) / volume
        own[index] = along @ stresses[index] @ along * ratio
    return own


def virial_to_stress(atoms: Atoms, virial: Array) -> Array:
    """A structure's stress (…, 3, 3), eV/Å³, from its energy's derivative by strain (eV); NaN where it has none."""
    if no_stress(atoms):
        return np.full_like(virial, np.nan)
    if not atoms.pbc.all():
        along = _along_periodic(atoms.cell.array, atoms.pbc)
        virial = along @ virial @ along
    return np.asarray(virial / _volume(atoms.cell.array))


def no_stress(atoms: Atoms, *, direct: bool = False) -> str | None:
    """Why a structure has no stress; None where it has one. `direct`: the model's is no derivative, but a head's."""
    if not atoms.pbc.any():
        return "there is no stress: the structure is periodic in no direction"
    if _volume(atoms.cell.array) == 0:
        return (
            "there is no stress: the cell has no volume. Give open directions a cell vector, as "
            "atoms.center(vacuum=10, axis=2) does"
        )
    if direct and not atoms.pbc.all():
        return "there is no stress: a direct stress belongs to no volume, and vacuum has one"
    return None


def _along_periodic(cell: Array, pbc: NDArray[np.bool]) -> Array:
    """P (3, 3): the projection onto the space of the periodic cell vectors."""
    across = completed(cell, pbc)[~pbc]  # orthonormal
    return np.asarray(np.eye(3) - across.T @ across)


def _volume(cell: Array) -> float:
    """Å³; zero where the vectors do not span a cell."""
    volume = float(abs(np.linalg.det(cell)))
    return volume if volume > _FLAT * np.linalg.norm(cell, axis=1).prod() else 0.0
