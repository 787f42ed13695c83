"""Fields that violate one constraint by a known amount, at strength one: curl, dependence on orientation, smooth noise.

All are sums over neighbours i → j at r = x_j - x_i, images included, with the weight g(r): one up to INNER, smooth (two
derivatives) down to zero at CUTOFF. So they are translation invariant, periodic, extensive, and follow the atoms
through any listing of them. n is the number of atoms.

The curl. F_i = Σ_j g ω × r, with ω the unit vector along a × b of the cell. Its Jacobian has the blocks J_ij = Σ W G
and J_ii = -Σ_{j≠i} J_ij, with W = [ω]× and G = g 1 + g′ r r̂r̂ᵀ. Where no pair has INNER < r < CUTOFF it is
antisymmetric: with n_ij images of j around i, ‖J‖² = 2 Σ_{i≠j} n_ij² + 2 Σ_i (Σ_{j≠i} n_ij)². No smooth field with a
cutoff can be so everywhere: antisymmetric at all x are only the linear ones (Killing's equation). And no field with the
crystal's whole symmetry has any antisymmetric part in one like fcc copper: inversion makes J_ij = J_ji, and the mirror
planes through the bond leave no axial vector. Hence ω: it rotates with the crystal, as an axial vector does, but
depends on the choice of the cell, so that the point group is broken as well. Forces sum to zero, and vanish on sites
with inversion or tetrahedral symmetry.

The quadrupole. E(e) = ½ Σ_ij g P₂(r̂·e) = (3/2) e·Q·e, Q = ½ Σ_ij g (r̂r̂ᵀ - 1/3), for a direction e fixed in space.
Rotating the crystal rotates e against it, so that E and, with the derivatives of Q for Q, each force and stress
component is (3/2) e·T·e, T symmetric and traceless: of degree 2 in the rotation, with mean zero and mean square
(9/4)(2/15)‖T‖² = (3/10)‖T‖² over all rotations.

Smooth noise. F_i = sqrt(2/M) Σ_m a_m cos(k_m·c_i/length + φ_m), with a, k normal and φ uniform random, M of them per
species, and c_i = Σ_j w r / (1 + Σ_j w), w = g (CUTOFF/r)⁶: where its neighbours are, seen from the atom. With this
power an atom that moves in a cubic surrounding moves its c by as much. Over seeds the standard deviation of each
component is one, and the correlation of an atom's force between two structures is exp(-|Δc|²/2 length²): random Fourier
features of a Gaussian process (Rahimi and Recht, 2007).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.batch import Array, Counts
from zoo.errors import StructureError
from zoo.runtime.boundaries import virial_to_stress

if TYPE_CHECKING:
    from ase import Atoms

INNER = 3.5
CUTOFF = 5.0
"""Å"""
AXIS = np.array([2.0, 3.0, 6.0]) / 7.0
"""The quadrupole's direction in space: along no axis of a crystal that is built by convention."""
_FEATURES = 32


@dataclass(frozen=True)
class Pairs:
    """All p pairs of neighbours, each from both ends."""

    first: Any
    second: Any
    """(p,), indices."""
    vectors: Array
    """(p, 3), from the first to the second, Å."""
    distances: Array
    """(p,), Å."""
    weights: Array
    """(p,), g."""
    slopes: Array
    """(p,), dg/dr, 1/Å."""

    @classmethod
    def of(cls, atoms: Atoms) -> Pairs:
        from scipy.spatial import cKDTree

        cell = atoms.cell.complete().array
        # as many images as planes of the lattice fit into the cutoff, and one for the width of the cell
        reach = np.where(atoms.pbc, np.floor(CUTOFF * np.linalg.norm(np.linalg.inv(cell), axis=0)) + 1, 0).astype(int)
        shifts = np.array(list(np.ndindex(*(2 * reach + 1)))) - reach
        home = atoms.get_positions(wrap=True)
        images = ((shifts @ cell)[:, None] + home).reshape(-1, 3)
        near = cKDTree(home).sparse_distance_matrix(cKDTree(images), CUTOFF, output_type="ndarray")
        near = near[near["v"] > 0]  # all but the atom itself
        first, second, vectors = near["i"], near["j"] % len(atoms), images[near["j"]] - home[near["i"]]
        distances = np.linalg.norm(vectors, axis=1)
        t = np.clip((distances - INNER) / (CUTOFF - INNER), 0, 1)
        weights = 1 - t**3 * (10 - 15 * t + 6 * t**2)
        slopes = -30 * t**2 * (1 - t) ** 2 / (CUTOFF - INNER)
        return cls(first, second, vectors, distances, weights, slopes)

    def sums(self, terms: Array, n_atoms: int) -> Array:
        """Sum terms (p, …) over the neighbours of each atom: (n, …)."""
        sums = np.zeros((n_atoms, *terms.shape[1:]))
        np.add.at(sums, self.first, terms)
        return sums


def curl_forces(atoms: Atoms, pairs: Pairs) -> Array:
    """(n, 3), eV/Å for a strength of one eV/Å². Raises StructureError where the cell has no a × b."""
    return pairs.sums(pairs.weights[:, None] * np.cross(_axial(atoms), pairs.vectors), len(atoms))


def curl_jacobian(atoms: Atoms, pairs: Pairs) -> Array:
    """∂F/∂x of the curl, (3n, 3n), eV/Å² for a strength of one eV/Å²."""
    n = len(atoms)
    radial = pairs.slopes / pairs.distances
    slopes = pairs.weights[:, None, None] * np.eye(3) + radial[:, None, None] * _outer(pairs.vectors, pairs.vectors)
    blocks = np.cross(np.eye(3), _axial(atoms)) @ slopes
    jacobian = np.zeros((n, n, 3, 3))
    np.add.at(jacobian, (pairs.first, pairs.second), blocks)
    jacobian[range(n), range(n)] -= jacobian.sum(axis=1)  # also takes out the atom's own images, which move with it
    return jacobian.transpose(0, 2, 1, 3).reshape(3 * n, 3 * n)


@dataclass(frozen=True)
class Quadrupole:
    """The tensors T of a structure; the last two axes are contracted with the direction."""

    energies: Array
    """(3, 3)"""
    gradients: Array
    """(n, 3, 3, 3), 1/Å."""
    strains: Array
    """(3, 3, 3, 3), 1/Å³; all zero where the structure has no stress."""

    @classmethod
    def of(cls, atoms: Atoms, pairs: Pairs) -> Quadrupole:
        one = np.eye(3)
        units = pairs.vectors / pairs.distances[:, None]
        traceless = _outer(units, units) - one / 3
        rotation = np.einsum("ab,pc->pabc", one, units) + np.einsum("ac,pb->pabc", one, units)
        rotation -= 2 * np.einsum("pa,pb,pc->pabc", units, units, units)
        slopes = pairs.slopes[:, None, None, None] * np.einsum("pa,pbc->pabc", units, traceless)
        slopes += (pairs.weights / pairs.distances)[:, None, None, None] * rotation
        virial = np.einsum("pa,pbcd->abcd", pairs.vectors, slopes) / 2
        virial = (virial + virial.transpose(1, 0, 2, 3)) / 2
        stresses = np.nan_to_num(virial_to_stress(atoms, virial.transpose(2, 3, 0, 1)))
        return cls(
            energies=(pairs.weights[:, None, None] * traceless).sum(axis=0) / 2,
            gradients=pairs.sums(slopes, len(atoms)),
            strains=stresses.transpose(2, 3, 0, 1),
        )

    def energy(self, axis: Array) -> Array:
        """eV for a strength of one eV."""
        return _along(self.energies, axis)

    def forces(self, axis: Array) -> Array:
        """(n, 3), eV/Å: each pair pulls both its ends."""
        return _along(self.gradients, axis)

    def stress(self, axis: Array) -> Array:
        """(3, 3), eV/Å³: the derivative by symmetric strain, per volume."""
        return _along(self.strains, axis)

    @property
    def energy_rms(self) -> Array:
        """Root mean square over all rotations, eV."""
        return _rms(self.energies)

    @property
    def forces_rms(self) -> Array:
        """(n, 3), of each component of the forces rotated back, eV/Å."""
        return _rms(self.gradients)

    @property
    def stress_rms(self) -> Array:
        """(3, 3), eV/Å³."""
        return _rms(self.strains)


def centres(atoms: Atoms, pairs: Pairs) -> Array:
    """c, (n, 3), Å."""
    weights = pairs.weights * (CUTOFF / pairs.distances) ** 6
    sums = pairs.sums(weights[:, None] * pairs.vectors, len(atoms))
    return sums / (1 + pairs.sums(weights, len(atoms)))[:, None]


def smooth_noise(numbers: Counts, centres: Array, *, length: float, seed: int) -> Array:
    """(n, 3), eV/Å, of standard deviation one; atomic numbers (n,), centres and `length` in Å."""
    forces = np.empty_like(centres)
    for number in np.unique(numbers):
        rng = np.random.default_rng([seed, int(number)])
        amplitudes, waves = rng.normal(size=(2, _FEATURES, 3))
        phases = rng.uniform(0, 2 * np.pi, _FEATURES)
        of_species = numbers == number
        arguments = centres[of_species] @ waves.T / length + phases
        forces[of_species] = np.sqrt(2 / _FEATURES) * np.cos(arguments) @ amplitudes
    return forces


def _axial(atoms: Atoms) -> Array:
    """The unit vector along a × b."""
    normal = np.cross(atoms.cell.array[0], atoms.cell.array[1])
    if not (size := np.linalg.norm(normal)) > 0:
        raise StructureError("the curl needs a cell: its axis is a × b")
    return np.asarray(normal / size)


def _outer(left: Array, right: Array) -> Array:
    """Outer products (p, 3, 3)."""
    return left[:, :, None] * right[:, None, :]


def _along(tensor: Array, axis: Array) -> Array:
    return np.asarray(1.5 * tensor @ axis @ axis)


def _rms(tensor: Array) -> Array:
    return np.asarray(np.sqrt(0.3 * (tensor**2).sum(axis=(-2, -1))))
