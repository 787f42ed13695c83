"""Elastic: the elastic tensor from stresses under strains, and what follows from it.

Tensors are (6, 6) in Voigt's order xx, yy, zz, yz, xz, xy: stress σ_i = C_ij ε_j with shears γ = 2ε. Lengths and
eigenvalues are taken in Kelvin's notation, where they are those of the fourth-rank tensor and do not depend on how the
crystal lies in its axes (M. M. Mehrabadi and S. C. Cowin, Q. J. Mech. Appl. Math. 43, 15 (1990)).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_KELVIN = np.sqrt([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])


class Moduli(NamedTuple):
    """Bulk and shear modulus of a polycrystal, in the unit of the tensor.

    Voigt: uniform strain, the upper bound. Reuss: uniform stress, the lower bound.
    """

    k_voigt: float
    k_reuss: float
    g_voigt: float
    g_reuss: float

    @property
    def k(self) -> float:
        """Voigt–Reuss–Hill bulk modulus: the mean of the bounds (R. Hill, Proc. Phys. Soc. A 65, 349 (1952))."""
        return (self.k_voigt + self.k_reuss) / 2

    @property
    def g(self) -> float:
        """Voigt–Reuss–Hill shear modulus."""
        return (self.g_voigt + self.g_reuss) / 2

    @property
    def anisotropy(self) -> float:
        """Universal index, 0 for an isotropic crystal (S. I. Ranganathan and M. Ostoja-Starzewski, PRL 101, 055504)."""
        return 5 * self.g_voigt / self.g_reuss + self.k_voigt / self.k_reuss - 6


class Fit(NamedTuple):
    """Hooke's law, fitted."""

    tensor: Array
    """(6, 6), in the stresses' unit, as fitted: not symmetrised."""
    residual: float
    """RMS of what the law leaves of the stresses, as a fraction of their RMS deviation from the mean."""


def fit(strains: Array, stresses: Array) -> Fit:
    """Least-squares fit of σ = σ0 + C ε to stresses (m, 6) under strains (m, 6).

    σ0 takes up what stress the unstrained cell kept and, as strains come in pairs ±ε, what is quadratic in them.
    """
    design = np.column_stack([np.ones(len(strains)), strains])
    coefficients = np.linalg.lstsq(design, stresses)[0]
    left = stresses - design @ coefficients
    deviation = stresses - stresses.mean(axis=0)
    residual = np.linalg.norm(left) / np.linalg.norm(deviation) if deviation.any() else 0.0
    return Fit(coefficients[1:].T, float(residual))


def asymmetry(tensor: Array) -> float:
    """||C - Cᵀ|| / ||C||: zero where stress is the derivative of an energy; 2 at most.

    Frobenius norms of the Kelvin matrix; a tensor of zeros is symmetric.
    """
    kelvin = _kelvin(tensor)
    length = np.linalg.norm(kelvin)
    return float(np.linalg.norm(kelvin - kelvin.T) / length) if length else 0.0


def symmetrised(tensor: Array) -> Array:
    """(C + Cᵀ)/2."""
    return (tensor + tensor.T) / 2


def softest(tensor: Array) -> float:
    """Smallest eigenvalue of a symmetric tensor, in its unit. Positive: mechanically stable.

    Born's condition without external stress: every small strain costs energy (F. Mouhat and F.-X. Coudert, Phys. Rev. B
    90, 224104 (2014)).
    """
    return float(np.linalg.eigvalsh(_kelvin(tensor))[0])


def moduli(tensor: Array) -> Moduli | None:
    """Moduli of a polycrystal of grains with this symmetric tensor; None for grains that are not mechanically stable.

    An unstable grain has no Reuss bound: under uniform stress it gives way.
    """
    if softest(tensor) <= 0:
        return None
    compliance = np.linalg.inv(tensor)
    (c_axial, c_cross, c_shear), (s_axial, s_cross, s_shear) = _sums(tensor), _sums(compliance)
    return Moduli(
        k_voigt=(c_axial + 2 * c_cross) / 9,
        k_reuss=1 / (s_axial + 2 * s_cross),
        g_voigt=(c_axial - c_cross + 3 * c_shear) / 15,
        g_reuss=15 / (4 * s_axial - 4 * s_cross + 3 * s_shear),
    )


def _sums(tensor: Array) -> tuple[float, float, float]:
    """11 + 22 + 33, 12 + 13 + 23 and 44 + 55 + 66."""
    diagonal = np.diag(tensor)
    cross = tensor[0, 1] + tensor[0, 2] + tensor[1, 2]
    return float(diagonal[:3].sum()), float(cross), float(diagonal[3:].sum())


def _kelvin(tensor: Array) -> Array:
    kelvin: Array = tensor * np.outer(_KELVIN, _KELVIN)
    return kelvin
