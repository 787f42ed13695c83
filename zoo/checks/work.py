"""Work: what forces and stress do along a short straight path, which must be what the energy loses or gains.

A finite difference at a point asks too much of a real model: the energy of CHGNet 0.3.0 wiggles over 0.01 Å, so that
central differences at 0.02 Å are 3 % off forces that are an exact gradient, and smaller steps are below the rounding of
float32. The work over the same 0.04 Å agrees to 4e-4 for CHGNet and 1e-4 for SevenNet, in float32 and float64 alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from zoo.batch import Array, Batch

if TYPE_CHECKING:
    from ase import Atoms

DISPLACEMENT = 0.02
"""Half the length of a path of displacement, Å, all atoms together."""
STRAIN = 5e-3
"""Half the length of a path of strain."""
_NODES = 8

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""xx yy zz yz xz xy."""


class Path(Protocol):
    """Structures along t, from -half to half."""

    @property
    def half(self) -> float: ...

    def at(self, t: float) -> Atoms:
        """The structure at t."""

    def slope(self, t: float, forces: Array, stress: Array | None) -> float:
        """dE/dt that the model's forces (n, 3) and stress (3, 3) at t claim, eV per unit of t."""


@dataclass(frozen=True)
class Displacement:
    """All atoms move along a unit vector (n, 3); t in Å."""

    atoms: Atoms
    direction: Array
    half: float = DISPLACEMENT

    def at(self, t: float) -> Atoms:
        """The structure with its atoms moved."""
        moved: Atoms = self.atoms.copy()
        moved.positions += t * self.direction
        return moved

    def slope(self, t: float, forces: Array, stress: Array | None) -> float:
        """-F·u, eV/Å."""
        del t, stress
        return -float((forces * self.direction).sum())


@dataclass(frozen=True)
class Strain:
    """The cell is strained in one component of VOIGT, atoms with it; t is the strain, γ = 2ε for shear."""

    atoms: Atoms
    component: int
    half: float = STRAIN

    @property
    def epsilon(self) -> Array:
        """Strain (3, 3) per t."""
        pair, epsilon = VOIGT[self.component], np.zeros((3, 3))
        epsilon[pair] += 0.5
        epsilon[pair[::-1]] += 0.5
        return epsilon

    def at(self, t: float) -> Atoms:
        """The strained structure."""
        moved: Atoms = self.atoms.copy()
        moved.set_cell(self.atoms.cell.array @ (np.eye(3) + t * self.epsilon), scale_atoms=True)
        return moved

    def slope(self, t: float, forces: Array, stress: Array | None) -> float:
        """V σ:ε, eV, with the strain rate taken relative to the cell at t."""
        del forces
        assert stress is not None
        rate = self.epsilon @ np.linalg.inv(np.eye(3) + t * self.epsilon)
        return float(self.at(t).get_volume() * (stress * rate).sum())


def mean_slopes(paths: Sequence[Path], answer: Callable[[list[Atoms]], Batch]) -> tuple[Array, Array]:
    """Mean dE/dt along each path: as forces and stress claim it, and as the energy has it. All paths are one batch."""
    return slopes(paths, answer(structures(paths)))


def structures(paths: Sequence[Path], *, nodes: int = _NODES) -> list[Atoms]:
    """What has to be evaluated for the mean slopes of these paths, in the order that `slopes` reads."""
    return [path.at(t * path.half) for path in paths for t in _points(nodes)[0]]


def slopes(paths: Sequence[Path], batch: Batch, *, nodes: int = _NODES) -> tuple[Array, Array]:
    """Mean dE/dt (n,) along each path as forces and stress claim it, and as the energy has it.

    `batch` is the answer to `structures`, with the same Gauss–Legendre `nodes`.
    """
    points, weights = _points(nodes)
    claimed, real = [], []
    for index, path in enumerate(paths):
        first = index * len(points)
        local = [
            path.slope(
                point * path.half,
                batch.forces[first + k],
                None if batch.stresses is None else batch.stresses[first + k],
            )
            for k, point in enumerate(points)
        ]
        claimed.append(float(weights @ local[2:]) / 2)
        real.append(float(batch.energies[first + 1] - batch.energies[first]) / (2 * path.half))
    return np.array(claimed), np.array(real)


def _points(nodes: int) -> tuple[list[float], Array]:
    """Both ends of a path, then the nodes between them, in units of its half; the nodes' weights."""
    inner, weights = np.polynomial.legendre.leggauss(nodes)
    return [float(point) for point in (-1.0, 1.0, *inner)], weights
