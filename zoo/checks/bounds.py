"""Bounds: how far an answer may be off through rounding alone, in each dtype, and what is a fault."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.batch import Array
from zoo.cards.mode import Dtype

SLOPE_NOISE = 4.0
"""Roundings of the total energy that a difference of two may carry (CHGNet, SevenNet: standard deviation ≤ 1.1)."""
SLOPE = 5e-3
"""Relative error of the work of forces and stress: the quadrature of a rough energy, rounded forces."""
RESOLUTION = 0.02
"""A derivative check that could not see forces × 1.02 is no check: beyond this it says so and is skipped."""
REPEAT = 0.1
"""Fraction of the bounds allowed to the very same call: only the order of sums may differ."""


@dataclass(frozen=True)
class Bounds:
    """What one dtype can and can't resolve. Real models set these: rounding must pass, a fault of 2 % must not."""

    epsilon: float
    """Machine epsilon."""
    energy: float
    """Largest relative change of the energy when nothing physical changed."""
    force: float
    """Largest change of a force component when nothing physical changed, eV/Å."""
    stress: float
    """Likewise of a stress component, eV/Å³."""

    def energy_per_atom(self, energies_per_atom: Array) -> float:
        """Largest change of the energy when nothing physical changed, eV/atom.

        1 eV stands in for energies that are smaller: terms of that size cancel in them.
        """
        return self.energy * (float(abs(energies_per_atom).max(initial=0.0)) + 1.0)


BOUNDS: dict[Dtype, Bounds] = {
    # CHGNet 0.3.0 keeps fractional coordinates in float32: translated MgO moves by 7e-5 eV/Å and 2e-6 eV/Å³;
    # cells of 2-6 atoms differ between batches by 1e-5 eV/Å. Work: CHGNet 4e-4 (forces) and 3e-3 (stress).
    "float32": Bounds(epsilon=2.0**-23, energy=1e-6, force=5e-4, stress=2e-5),
    # CHGNet and SevenNet in float64, rotated or thousands of Å from the origin, stay within 4e-12 eV/atom, 2e-10 eV/Å
    # and 8e-12 eV/Å³; float32 anywhere inside a model does not.
    "float64": Bounds(epsilon=2.0**-52, energy=1e-11, force=1e-8, stress=1e-9),
}
