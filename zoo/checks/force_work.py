"""Force work: what forces and energy say of short displacements, and where the energy jumps between the two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zoo.batch import Array, Batch
from zoo.checks.bounds import SLOPE
from zoo.checks.work import DISPLACEMENT, Displacement, mean_slopes

if TYPE_CHECKING:
    from ase import Atoms

_SEED = 20190905
_PIECES = 16
"""A path in which forces and energy disagree is divided into so many parts, to find jumps."""
_APART = 10.0
"""A piece jumps when it is this many times further from the others than they are from each other. A force that is 2 %
off, or noise, is off by about the same in every piece."""


@dataclass(frozen=True)
class ForceWork:
    """What forces and energy say of displacements of all atoms: one along the forces and a random one per structure."""

    claimed: Array
    """(n, 2): mean of -F·u along a path, eV/Å."""
    real: Array
    """(n, 2): mean of dE/dx, eV/Å."""
    jumps: Array
    """(n, 2): the largest jump of the energy on the path, eV; zero where there is none."""
    smooth: Array
    """(n, 2): `real` less all jumps."""


def force_work(
    structures: Sequence[Atoms],
    reference: Batch,
    answer: Callable[[list[Atoms]], Batch],
    *,
    noise: Array,
    find_jumps: bool,
) -> ForceWork:
    """The work of the forces along short paths, against what the energy loses.

    `reference`: the answer to `structures`, whose forces give the first path of each. `answer`: the potential.
    `noise` (n,): rounding of the difference of two energies of a structure, eV. `find_jumps`: whether a path on which
    forces and energy disagree is searched for jumps, which has a meaning for forces that claim to be a gradient.
    """
    rng = np.random.default_rng(_SEED)
    paths = [
        Displacement(atoms, direction)
        for atoms, along in zip(structures, reference.forces, strict=True)
        for direction in unit_vectors(along, rng)
    ]
    claimed, real = mean_slopes(paths, answer)
    jumps, smooth = np.zeros_like(real), real.copy()
    off = abs(claimed - real) > np.repeat(noise / (2 * DISPLACEMENT), 2) + SLOPE * abs(real)
    for index in np.flatnonzero(off) if find_jumps else ():
        found = _jumps(paths[index], answer, noise=float(noise[index // 2]))
        jumps[index] = max(found, key=abs, default=0.0)
        smooth[index] -= sum(found) / (2 * DISPLACEMENT)
    shape = (len(structures), -1)
    return ForceWork(*(array.reshape(shape) for array in (claimed, real, jumps, smooth)))


def unit_vectors(along: Array, rng: np.random.Generator) -> list[Array]:
    """Two unit vectors of displacement (n, 3): along the forces, where any error is largest, and a random one."""
    vectors = [along if along.any() else rng.normal(size=along.shape), rng.normal(size=along.shape)]
    return [vector / np.linalg.norm(vector) for vector in vectors]


def _jumps(path: Displacement, answer: Callable[[list[Atoms]], Batch], *, noise: float) -> Sequence[float]:
    """Jumps of the energy (eV) on a path: pieces that leave more than all the others do."""
    half = path.half / _PIECES
    middles = (np.arange(_PIECES) * 2 + 1) * half - path.half
    pieces = [Displacement(path.at(t), path.direction, half) for t in middles]
    claimed, real = mean_slopes(pieces, answer)
    left = (real - claimed) * 2 * half
    offset = np.median(left)
    rest = abs(left - offset)
    return [float(jump) for jump in (left - offset)[rest > noise + _APART * np.median(rest)]]
