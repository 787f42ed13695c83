"""Equation of state: the third-order Birch–Murnaghan fit and the Δ between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# The minimum is looked for this far outside the sampled volumes; further out a cubic means nothing.
EXTRAPOLATION = 0.10
# Energies that differ by less than this part of their size are one energy: float32 rounds to 1e-7, and the flattest
# curve of 13 models that see their neighbours is 2.5e-4. At the reference's distances caesium has no neighbour inside
# most cutoffs: without this rule the fit's own rounding passes for a bulk modulus.
FLAT = 2e-6


# Of dB/dP. WIEN2k's for the 71 elements go from -0.2 (Mn) to 14.4 (Ne); what is far outside is the fit of a wiggle.
PHYSICAL_DERIVATIVES = (-1.0, 20.0)


class NoEquationOfState(ValueError):
    """The energies follow no equation of state near the volumes that were sampled."""


@dataclass(frozen=True)
class BirchMurnaghan:
    """Equilibrium of E(V) per atom."""

    volume: float
    """V0, Å³/atom."""
    energy: float
    """E0, eV/atom."""
    bulk_modulus: float
    """B0, eV/Å³."""
    bulk_modulus_derivative: float
    """B0' = dB/dP at V0, dimensionless."""
    residual: float
    """RMS of fit minus data, eV/atom."""

    def energies(self, volumes: np.ndarray) -> np.ndarray:
        """E(V), eV/atom, at `volumes` (n,) in Å³/atom."""
        from ase.eos import birchmurnaghan

        return np.asarray(
            birchmurnaghan(volumes, self.energy, self.bulk_modulus, self.bulk_modulus_derivative, self.volume)
        )


def fit(volumes: Sequence[float], energies: Sequence[float]) -> BirchMurnaghan:
    """Third-order Birch–Murnaghan fit of energies (eV/atom) at volumes (Å³/atom).

    In x = V^(-2/3) the equation of state is a cubic polynomial, so that the fit is linear and needs no starting
    guess (F. Birch, Phys. Rev. 71, 809 (1947); the Δ-codes project fits the same way).
    Raises NoEquationOfState when the energies are all the same, when the cubic has no minimum within the sampled
    volumes ± 10 %, and when its B0' lies outside `PHYSICAL_DERIVATIVES`.
    """
    v = np.asarray(volumes, dtype=float)
    e = np.asarray(energies, dtype=float)
    if v.size < 5 or not (np.isfinite(v).all() and np.isfinite(e).all()):
        raise NoEquationOfState(f"{int(np.isfinite(e).sum())} finite energies of {e.size}; the fit needs at least 5")
    if np.ptp(e) <= FLAT * np.abs(e).max():
        raise NoEquationOfState(
            f"the energy does not depend on the volume: {np.ptp(e) * 1000:.2g} meV/atom over all volumes"
        )
    x = v ** (-2 / 3)
    scale = x.mean()  # conditioning: the polynomial in x/scale has coefficients of one size
    polynomial = np.polynomial.Polynomial.fit(x / scale, e, 3, domain=[-1, 1], window=[-1, 1])
    first, second, third = (polynomial.deriv(order) for order in (1, 2, 3))
    lowest, highest = v.min() * (1 - EXTRAPOLATION), v.max() * (1 + EXTRAPOLATION)
    for root in np.asarray(first.roots(), dtype=complex):
        if abs(root.imag) > 1e-9 * abs(root.real) or root.real <= 0 or second(root.real) <= 0:
            continue
        y = float(root.real)
        v0 = (y * scale) ** (-3 / 2)
        if not lowest <= v0 <= highest:
            continue
        # chain rule from y = V^(-2/3)/scale at dE/dy = 0
        curvature = float(second(y))
        d2e_dv2 = curvature * (2 / 3 * y / v0) ** 2
        d3e_dv3 = -float(third(y)) * (2 / 3 * y / v0) ** 3 - 3 * curvature * (2 / 3 * y / v0) * (10 / 9 * y / v0**2)
        bulk_modulus = v0 * d2e_dv2
        derivative = -1 - v0 * d3e_dv3 / d2e_dv2
        least, most = PHYSICAL_DERIVATIVES
        if not least <= derivative <= most:
            raise NoEquationOfState(f"unphysical: B0' of {derivative:.3g} is not between {least:g} and {most:g}")
        return BirchMurnaghan(
            volume=v0,
            energy=float(polynomial(y)),
            bulk_modulus=bulk_modulus,
            bulk_modulus_derivative=derivative,
            residual=float(np.sqrt(np.mean((polynomial(x / scale) - e) ** 2))),
        )
    raise NoEquationOfState(f"no energy minimum between {lowest:.2f} and {highest:.2f} Å³/atom")


def delta(a: BirchMurnaghan, b: BirchMurnaghan) -> float:
    """Δ = sqrt(∫(E_a-E_b)² dV / ΔV), eV/atom, over ±6 % around the mean of the two equilibrium volumes.

    Both curves have their minimum at zero energy. K. Lejaeghere et al., Crit. Rev. Solid State 39, 1 (2014), as ASE
    computes it.
    """
    from ase.utils.deltacodesdft import delta as ase_delta

    return float(
        ase_delta(
            a.volume,
            a.bulk_modulus,
            a.bulk_modulus_derivative,
            b.volume,
            b.bulk_modulus,
            b.bulk_modulus_derivative,
        )
    )
