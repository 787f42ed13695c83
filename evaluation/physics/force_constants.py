"""Force constants: what is wrong with them before anything is symmetrised, and the group's projection of them.

Full arrays are (n, n, 3, 3), eV/Å²: the first index is the displaced atom, the second the one that feels the force,
Φ_ij = -∂F_j/∂u_i. They are periodic in the primitive cell by construction: only its atoms were displaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from phonopy import Phonopy

Array = NDArray[np.float64]

BOUNDARY = tuple(product((0.0, 0.5), repeat=3))
"""Γ and the seven points of the zone boundary that are half a reciprocal lattice vector: X and L of fcc, A, M and L of
hexagonal crystals."""

DEGENERATE = 1e-4
"""THz: modes of the projected force constants that are closer than this are one level. The projection is exact to
1e-7 THz; levels that merely happen to meet are this close in no crystal that was seen."""


@dataclass(frozen=True)
class Residuals:
    """How far force constants are from what symmetry asks of them."""

    fc_asymmetry: float
    """||Φ - Φᵀ|| / ||Φ||, the transpose over atoms and components: zero for forces that are a gradient."""
    asr_violation: float
    """Largest component of |Σ_j Φ_ij|, eV/Å²: the net force that a displaced atom causes, per displacement."""
    translation_violation: float
    """Largest component of |Σ_i Φ_ij|, eV/Å²: the force that a shift of the whole crystal causes, per displacement."""
    space_group_residual: float
    """||Φ - PΦ|| / ||Φ||, P the projector onto what the space group, index permutation and both sum rules allow."""
    degeneracy_splitting: float | None
    """THz: the largest spread inside a level that the group makes degenerate; None where it makes none."""


def residuals(phonon: Phonopy, full: Array, projected: Array) -> Residuals:
    """Residuals of force constants `full` (n, n, 3, 3), whose projection is `projected`.

    `phonon` lends its cells and its Fourier sum; its own force constants are replaced.
    """
    norm = np.linalg.norm(full)
    return Residuals(
        fc_asymmetry=float(np.linalg.norm(full - full.transpose(1, 0, 3, 2)) / norm),
        asr_violation=float(np.abs(full.sum(axis=1)).max()),
        translation_violation=float(np.abs(full.sum(axis=0)).max()),
        space_group_residual=float(np.linalg.norm(full - projected) / norm),
        degeneracy_splitting=degeneracy_splitting(phonon, full, projected),
    )


class Projector:
    """Onto the force constants that the space group of a supercell, permutation and the sum rules allow.

    The space of A. Seko and A. Togo, Phys. Rev. B 110, 214302 (2024), without a basis of it, whose construction takes
    seconds for 512 atoms: the three projections commute, because an operation permutes atoms and keeps both index
    symmetry and sums over atoms, so that one after the other projects onto all. Of operations that differ by a lattice
    translation one is enough once the translations are averaged over: 48 products instead of 48 × 256.
    """

    def __init__(self, phonon: Phonopy) -> None:
        rotations = phonon.symmetry.symmetry_operations["rotations"]
        images = np.asarray(phonon.symmetry.atomic_permutations)
        _, one_each = np.unique(rotations.reshape(-1, 9), axis=0, return_index=True)
        lattice = phonon.supercell.cell.T
        self._rotations = lattice @ rotations[one_each] @ np.linalg.inv(lattice)
        self._images = images[one_each]
        """(n_rotations, n): where an operation with that rotation takes each atom."""
        self._translated = images[(rotations == np.eye(3)).all(axis=(1, 2))]
        """(n_translations, n): where a lattice translation takes each atom."""
        self._rows = np.unique(self._translated.min(axis=0))
        """One atom of each set that translations make one."""

    def __call__(self, full: Array) -> Array:
        """The projection of `full` (n, n, 3, 3)."""
        allowed = (full + full.transpose(1, 0, 3, 2)) / 2
        allowed = allowed - allowed.mean(axis=0, keepdims=True)
        allowed = allowed - allowed.mean(axis=1, keepdims=True)
        periodic = self._everywhere(np.mean([allowed[self._pairs(to)] for to in self._translated], axis=0))
        rotated = (
            rotation.T @ periodic[self._pairs(to)] @ rotation
            for rotation, to in zip(self._rotations, self._images, strict=True)
        )
        return self._everywhere(sum(rotated) / len(self._rotations))

    def _pairs(self, to: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
        """Where the pairs of `_rows` with all atoms are after an operation: indices into full force constants."""
        return np.ix_(to[self._rows], to)

    def _everywhere(self, rows: Array) -> Array:
        """Full force constants (n, n, 3, 3) from those of `_rows` (n_rows, n, 3, 3)."""
        full = np.empty((rows.shape[1], *rows.shape[1:]))
        for to in self._translated:
            full[self._pairs(to)] = rows
        return full


def degeneracy_splitting(phonon: Phonopy, full: Array, projected: Array) -> float | None:
    """Largest spread, THz, of modes that symmetry makes degenerate, at Γ and the seven points of BOUNDARY.

    The projected force constants say which modes belong together; the dynamical matrix of `full`, restricted to each
    such level (degenerate perturbation theory), says how far it spreads. Acoustic modes at Γ are left out: they
    belong to the sum rule.
    """
    points = np.array(BOUNDARY)
    unsplit, split = _dynamical_matrices(phonon, projected, points), _dynamical_matrices(phonon, full, points)
    spreads = []
    for point, symmetric, raw in zip(points, unsplit, split, strict=True):
        values, vectors = np.linalg.eigh(symmetric)
        levels = _frequencies(values)
        acoustic = np.argsort(np.abs(levels))[:3] if not point.any() else np.array([], dtype=int)
        for level in np.split(np.arange(levels.size), np.nonzero(np.diff(levels) > DEGENERATE)[0] + 1):
            modes = vectors[:, np.setdiff1d(level, acoustic)]
            if modes.shape[1] > 1:
                spreads.append(float(np.ptp(_frequencies(np.linalg.eigvalsh(modes.conj().T @ raw @ modes)))))
    return max(spreads, default=None)


def _dynamical_matrices(phonon: Phonopy, full: Array, points: Array) -> list[NDArray[np.complex128]]:
    phonon.force_constants = full
    found = phonon.run_qpoints(points, with_dynamical_matrices=True).dynamical_matrices
    return list(np.asarray(found))


def _frequencies(eigenvalues: Array) -> Array:
    """THz, imaginary ones negative, from eigenvalues of a dynamical matrix in eV/Å²/amu."""
    from phonopy.physical_units import get_physical_units

    return np.sign(eigenvalues) * np.sqrt(np.abs(eigenvalues)) * get_physical_units().DefaultToTHz
