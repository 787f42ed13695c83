"""How smooth an energy curve E(r) is, whether its forces are its slope, and where its well lies.

Distances r (n,) in Å, increasing; energies (n,) in eV; forces (n,) in eV/Å, along r: positive pushes the atoms apart.
Tortuosity, jumps and flips follow MLIP Arena (Y. Chiang et al., arXiv:2509.20630) and Matbench Discovery.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def tortuosity(energies: Array) -> float | None:
    """Total variation of the curve over the least that its ends and its minimum need.

    1 for a curve with a single well (or a monotonic one), larger with every detour; None for a flat curve.
    """
    e = np.asarray(energies, dtype=float)
    least = (e[0] - e.min()) + (e[-1] - e.min())
    return float(np.abs(np.diff(e)).sum() / least) if least > 0 else None


@dataclass(frozen=True)
class Turns:
    """Where a curve changes between rising and falling."""

    flips: int
    jump: float
    """Sum of the steps on both sides of each flip, in the curve's unit: small at a smooth turning point."""


def turns(values: Array, *, smallest_step: float) -> Turns:
    """Turning points of a curve (n,); steps smaller than `smallest_step`, in its unit, are noise and are left out."""
    steps = np.diff(np.asarray(values, dtype=float))
    steps = steps[np.abs(steps) >= smallest_step]
    at = np.flatnonzero(np.sign(steps[1:]) != np.sign(steps[:-1]))
    return Turns(flips=int(at.size), jump=float(np.abs(steps[at]).sum() + np.abs(steps[at + 1]).sum()))


def sign_flips(values: Array, *, smallest: float) -> int:
    """How often a curve (n,) changes its sign; values smaller than `smallest` are noise and are left out."""
    signs = np.sign([value for value in values if abs(value) >= smallest])
    return int((signs[1:] != signs[:-1]).sum())


def conservation_deviation(distances: Array, energies: Array, forces: Array) -> float:
    """Mean of |F + dE/dr| over the steps of the curve, eV/Å; distances (n,) are equally far apart.

    Over two steps: the energy's difference over their length, and the mean of the force by Simpson's rule. Both are of
    the same stretch up to its length to the fourth power, so that what is left is the model's. (With the mean of a
    step's two ends it would be the length squared: 1 meV/Å at 0.01 Å, more than gradients deviate.)
    """
    r, e, f = (np.asarray(numbers, dtype=float) for numbers in (distances, energies, forces))
    force = (f[:-2] + 4 * f[1:-1] + f[2:]) / 6
    return float(np.abs(force + (e[2:] - e[:-2]) / (r[2:] - r[:-2])).mean())


@dataclass(frozen=True)
class Well:
    """The lowest minimum of a curve."""

    distance: float
    """Å."""
    depth: float
    """Of the minimum below the energy at `far`, eV."""


def well(distances: Array, energies: Array, *, far: float) -> Well | None:
    """The lowest minimum of a cubic spline through the curve; None when the curve is lowest at one of its ends.

    `far` (Å) is where the atoms count as apart; it must lie on the curve.
    """
    from scipy.interpolate import CubicSpline

    r, e = np.asarray(distances, dtype=float), np.asarray(energies, dtype=float)
    lowest = int(e.argmin())
    if lowest in (0, len(e) - 1):
        return None
    spline = CubicSpline(r, e)
    extrema = [x for x in spline.derivative().roots(extrapolate=False) if r[lowest - 1] <= x <= r[lowest + 1]]
    at = min(extrema, key=lambda x: float(spline(x)), default=float(r[lowest]))
    return Well(distance=float(at), depth=float(spline(far) - spline(at)))
