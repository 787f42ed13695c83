"""O(3) averaging: the mean answer over orientations, each rotated back, and its spread.

A model that has learned its rotations answers a rotated crystal R·x with E(Rx), F(Rx), σ(Rx). Rotated back, RᵀF(Rx) is
a function of R alone; its isotropic part is the answer, everything else is error. As a sum of Wigner functions
D^l_mk(α, β, γ), R = R_z(α) R_y(β) R_z(γ), the error is what has l > 0, and an average over rotations with weights
removes it up to the degree l_max that the quadrature integrates exactly:

- N uniform angles γ about the crystal's own z axis remove every k that is no multiple of N;
- for k = 0 the rest is a spherical harmonic Y_lm in the direction (α, β) into which that axis is rotated, and a Lebedev
  rule of degree d removes it for 0 < l ≤ d (V. I. Lebedev, USSR Comput. Math. Math. Phys. 16, 10 (1976)).

So l_max needs a Lebedev rule of degree l_max (3, 5, 7: 6, 14, 26 directions) and at least l_max + 1 angles. We take
2 l_max + 1, as the protocol has it: 42, 154 and 390 rotations. The further angles are not needed for l ≤ l_max; of
the errors beyond, they also remove all with l_max < |k| ≤ 2 l_max. The sum is exact to rounding for answers that
are polynomials of degree ≤ l_max in the elements of R, and for no more: of degree l_max + 1 something remains.

Proper rotations leave a term that changes sign with det R; `inversion` takes the improper rotation -R of each as well,
at twice the cost, and removes it exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zoo.batch import Array, Computes
from zoo.wrappers.base import Answer, Answers, Deviation, Wrapper
from zoo.wrappers.rotation import rotated

if TYPE_CHECKING:
    from ase import Atoms


class O3Average(Wrapper):
    """The mean over the rotations of `quadrature`, with the spread over them."""

    def __init__(self, model: Computes, *, l_max: int, inversion: bool = False) -> None:
        super().__init__(model)
        self._matrices, self._weights = quadrature(l_max, inversion=inversion)

    def variants(self, atoms: Atoms) -> list[Atoms]:
        return [rotated(atoms, matrix) for matrix in self._matrices]

    def combine(self, atoms: Atoms, answers: Answers) -> Answer:
        back = self._matrices.transpose(0, 2, 1)
        forces = answers.forces @ self._matrices  # rows: F R = (Rᵀ Fᵀ)ᵀ
        stresses = None if answers.stresses is None else back @ answers.stresses @ self._matrices
        energy, energy_deviation = self._mean(answers.energies)
        mean_forces, force_deviations = self._mean(forces)
        stress, stress_deviations = (None, None) if stresses is None else self._mean(stresses)
        return Answer(
            energy=float(energy),
            forces=mean_forces,
            stress=stress,
            deviation=Deviation(
                energy_per_atom=float(energy_deviation) / len(atoms),
                forces=np.sqrt((force_deviations**2).mean(axis=1)),
                stress=None if stress_deviations is None else float(np.sqrt((stress_deviations**2).mean())),
            ),
        )

    def _mean(self, values: Array) -> tuple[Array, Array]:
        """Weighted mean and standard deviation over the first axis, component by component."""
        first = values[0]  # what all have in common, so that rounding is of the differences' size
        mean = first + np.tensordot(self._weights, values - first, axes=1)
        return mean, np.sqrt(np.tensordot(self._weights, (values - mean) ** 2, axes=1))


def quadrature(l_max: int, *, inversion: bool = False) -> tuple[Array, Array]:
    """Matrices (k, 3, 3) and weights (k,), of sum one, that average polynomials of degree ≤ l_max in R exactly."""
    from scipy.integrate import lebedev_rule

    points, weights = lebedev_rule(max(3, l_max + 1 - l_max % 2))  # rules have odd degrees
    n_angles = 2 * l_max + 1
    angles = 2 * np.pi * np.arange(n_angles) / n_angles
    azimuth, polar = np.arctan2(points[1], points[0]), np.arccos(np.clip(points[2], -1, 1))
    directed = _about(2, azimuth) @ _about(1, polar)
    matrices = (directed[:, None] @ _about(2, angles)[None, :]).reshape(-1, 3, 3)
    weights = np.repeat(weights / weights.sum() / n_angles, n_angles)
    if inversion:
        matrices, weights = np.concatenate([matrices, -matrices]), np.tile(weights / 2, 2)
    return matrices, weights


def _about(axis: int, angles: Array) -> Array:
    """Rotations (k, 3, 3) about a Cartesian axis."""
    matrices = np.zeros((len(angles), 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrices[:, axis, axis] = 1
    matrices[:, i, i] = matrices[:, j, j] = np.cos(angles)
    matrices[:, j, i] = np.sin(angles)
    matrices[:, i, j] = -np.sin(angles)
    return matrices
