"""Phonon: distances between two spectra on one mesh, thermal properties of a spectrum, dynamic stability.

Frequencies are (n_q, n_modes), THz, imaginary ones negative, each row in ascending order; weights (n_q,) are the
multiplicities of the q points in the full mesh; qpoints (n_q, 3) are fractional, and one of them is Γ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def frequency_error(pred: Array, ref: Array, weights: Array) -> Array:
    """Mean over q points and modes of pred - ref, and of its absolute value, THz: (2,); modes are paired by order."""
    difference = pred - ref
    return np.array(
        [
            np.average(difference.mean(axis=1), weights=weights),
            np.average(abs(difference).mean(axis=1), weights=weights),
        ]
    )


def dos_w1(pred: Array, ref: Array, weights: Array) -> float:
    """Wasserstein-1 distance of the two densities of states, THz: how far modes must move to turn one into the other.

    Other than a difference of two curves it needs no broadening, and it forgives modes in another order.
    """
    from scipy.stats import wasserstein_distance

    each = np.repeat(weights, pred.shape[1])
    return float(wasserstein_distance(pred.ravel(), ref.ravel(), each, each))


def gamma(qpoints: Array) -> int:
    """Row of Γ. Raises ValueError where there is none."""
    (rows,) = np.nonzero(np.abs(qpoints).max(axis=1) < 1e-8)
    if rows.size != 1:
        raise ValueError(f"the mesh has {rows.size} Γ points")
    return int(rows[0])


@dataclass(frozen=True)
class Thresholds:
    """Frequencies, THz, below which a mode counts as imaginary."""

    acoustic: float
    """The three lowest modes at Γ."""
    optical: float
    """The other modes at Γ."""
    elsewhere: float
    """All modes at other q points."""


def stable(frequencies: Array, qpoints: Array, thresholds: Thresholds) -> bool:
    """Whether no mode is imaginary. Modes at Γ are in ascending order: an imaginary optical one is caught as well."""
    row = gamma(qpoints)
    at_gamma, elsewhere = frequencies[row], np.delete(frequencies, row, axis=0)
    return bool(
        (at_gamma[:3] >= thresholds.acoustic).all()
        and (at_gamma[3:] >= thresholds.optical).all()
        and (elsewhere >= thresholds.elsewhere).all()
    )


@dataclass(frozen=True)
class Thermal:
    """Harmonic thermal properties, per mole of atoms."""

    heat_capacity: float
    """C_V, J/K/mol."""
    entropy: float
    """S, J/K/mol."""
    free_energy_kj: float
    """F with the zero-point energy, kJ/mol."""


def thermal(frequencies: Array, qpoints: Array, weights: Array, *, temperature: float) -> Thermal | None:
    """Sums over harmonic oscillators at `temperature`, K; None where a mode has no positive frequency.

    The three acoustic modes at Γ have no frequency and are left out: one q point of thousands.
    """
    counted = np.repeat(np.asarray(weights, dtype=float)[:, None], frequencies.shape[1], axis=1)
    counted[gamma(qpoints), :3] = 0.0
    modes, share = frequencies[counted > 0], counted[counted > 0]
    if (modes <= 0).any():
        return None
    from scipy import constants  # half a second, which no board needs

    kt = constants.k * temperature
    x = modes * (constants.h * 1e12) / kt
    occupation = 1 / np.expm1(x)
    capacity = constants.R * x**2 * occupation * (occupation + 1)
    entropy = constants.R * (x * occupation - np.log(-np.expm1(-x)))
    free = constants.R * temperature * (x / 2 + np.log(-np.expm1(-x)))
    per_atom = 3 / (np.sum(weights) * frequencies.shape[1])  # 3 modes per atom
    return Thermal(
        heat_capacity=float(share @ capacity * per_atom),
        entropy=float(share @ entropy * per_atom),
        free_energy_kj=float(share @ free * per_atom / 1000),
    )


def dos(frequencies: Array, weights: Array, grid: Array, *, width: float) -> Array:
    """Density of states at `grid` (n,), modes per THz and atom, each mode a Gaussian of standard deviation `width`."""
    share = np.repeat(weights, frequencies.shape[1]) * 3 / (np.sum(weights) * frequencies.shape[1])
    distance = (grid[:, None] - frequencies.ravel()) / width
    return np.asarray(np.exp(-(distance**2) / 2) @ share / (width * np.sqrt(2 * np.pi)))
