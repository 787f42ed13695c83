"""Bounds: how far an answer may be off through rounding alone, in each dtype, and the steps that suit it."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.batch import Array
from zoo.mode import Dtype

SLOPE_NOISE = 4.0
"""Roundings of the total energy that a finite difference may carry (CHGNet, SevenNet: standard deviation ≤ 1.1)."""
RESOLUTION = 0.02
"""A derivative check that could not see forces × 1.02 is no check: beyond this it says so and is skipped."""


@dataclass(frozen=True)
class Bounds:
    """What one dtype can and can't resolve. Real models set these: rounding must pass, a fault of 2 % must not."""

    epsilon: float
    """Machine epsilon."""
    force: float
    """Largest change of a force component when nothing physical changed, eV/Å."""
    stress: float
    """Likewise of a stress component, eV/Å³."""
    repeat: float
    """Fraction of these allowed to the very same call: only the order of sums may differ."""
    step: float
    """Displacement for finite differences, Å."""
    strain_step: float
    """Strain for finite differences, dimensionless."""
    slope: float
    """Relative error left to a finite difference by truncation, kinks at the cutoff and rounded forces."""

    def energy_per_atom(self, energies_per_atom: Array) -> float:
        """Largest change of the energy when nothing physical changed, eV/atom.

        Eight roundings of the energy, and of 1 eV where it is small: terms of that size cancel in it.
        """
        return 8 * self.epsilon * (float(abs(energies_per_atom).max(initial=0.0)) + 1.0)


BOUNDS: dict[Dtype, Bounds] = {
    # CHGNet 0.3.0 keeps fractional coordinates in float32: translated MgO moves by 7e-5 eV/Å and 2e-6 eV/Å³;
    # cells of 2-6 atoms differ between batches by 1e-5 eV/Å. At 0.02 Å an energy of 20 eV gives 5e-4 eV/Å of noise.
    "float32": Bounds(epsilon=2.0**-23, force=5e-4, stress=2e-5, repeat=0.1, step=0.02, strain_step=5e-3, slope=5e-3),
    # A model that is float64 throughout is about 1e-13 off; these bounds find the float32 inside one that isn't.
    "float64": Bounds(epsilon=2.0**-52, force=1e-8, stress=1e-9, repeat=0.1, step=5e-3, strain_step=1e-3, slope=2e-3),
}
