"""Descent: metrics and protocol of the task `descent`."""

from __future__ import annotations

from functools import cache
from typing import Literal

from evaluation.metric import Metric
from evaluation.protocol import TaskProtocol, read_protocol
from evaluation.reference.crystal_set import CrystalSet
from zoo.strict import Strict

OPTIMIZERS = {"fire": "FIRE", "lbfgs": "L-BFGS"}
"""What they are called."""


def _fraction(name: str, label: str, doc: str) -> Metric:
    return Metric(name=name, label=label, unit="", better="higher", best=1.0, worst=0.0, on_failure="worst", doc=doc)


def _lower(name: str, label: str, unit: str, doc: str) -> Metric:
    return Metric(name=name, label=label, unit=unit, better="lower", best=0.0, doc=doc)


METRICS = (
    _fraction(
        "converged", "converged", "Share of the descents, by both optimisers, that reach 1e-4 eV/Å in 500 steps."
    ),
    *(_fraction(f"converged_{key}", f"converged, {name}", f"Likewise by {name}.") for key, name in OPTIMIZERS.items()),
    _lower("floor", "floor", "meV/Å", "Smallest that the largest force on atoms or cell was; converged is below 0.1."),
    _lower("limit_cycle", "limit cycles", "", "Share of descents whose forces fell no lower in the last 200 steps."),
    _lower("broke_off", "broke off", "", "Share of descents that broke off: the cell ran away, or numbers were none."),
    _lower("uphill", "uphill", "meV/atom", "Sum of the energy's rises from step to step, mean over both optimisers."),
    *(
        _lower(f"uphill_{key}", f"uphill, {name}", "meV/atom", f"Likewise by {name}.")
        for key, name in OPTIMIZERS.items()
    ),
    _lower("steps", "steps", "", "Steps taken, mean over both optimisers; one that does not converge takes all 500."),
    _lower("energy_spread", "energy spread", "meV/atom", "Difference of the final energies between the optimisers."),
    _lower("volume_spread", "volume spread", "%", "Difference of the final volumes between the optimisers."),
    _lower(
        "gradient_gap",
        "gradient gap",
        "meV/Å",
        "Direct modes only: RMS of the forces at the end less those that the energy has there.",
    ),
    _lower("stress_gap", "stress gap", "GPa", "Direct modes only: likewise of the stress."),
    _lower(
        "excess_energy",
        "excess energy",
        "meV/atom",
        "Direct modes of checkpoints with both heads: energy at the end above that of the conservative head's own end.",
    ),
)


class Differences(Strict):
    """Steps of central differences of the energy."""

    step: float
    """Å: of a position."""
    strain: float
    """Of the cell."""


class DescentProtocol(TaskProtocol):
    """The numbers of `evaluation/protocols/descent-v1.yaml`."""

    optimizers: tuple[Literal["fire", "lbfgs"], ...]
    fmax: float
    """eV/Å, as in RelaxationNumbers."""
    steps: int
    """Largest number of steps."""
    strain: float
    """Bound of the uniform symmetric strain of the start."""
    rattle: float
    """Å: standard deviation of the displacements of the start."""
    cycle_steps: int
    """A limit cycle: no lower forces in the last so many steps than before."""
    differences: Differences
    crystals: CrystalSet


@cache
def protocol() -> DescentProtocol:
    """The numbers of today's protocol."""
    return read_protocol("descent", DescentProtocol)
