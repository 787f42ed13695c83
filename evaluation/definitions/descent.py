"""Descent: metrics and protocol of the task `descent`."""

from __future__ import annotations

from functools import cache
from typing import Literal

from evaluation.metric import error_metric, share_metric
from evaluation.protocol import TaskProtocol, read_protocol
from evaluation.reference.crystal_set import CrystalSet
from zoo.strict import Strict

OPTIMIZERS = {"fire": "FIRE", "lbfgs": "L-BFGS"}
"""What they are called."""


METRICS = (
    share_metric(
        "converged", "converged", "Share of the descents, by both optimisers, that reach 1e-4 eV/Å in 500 steps."
    ),
    *(
        share_metric(f"converged_{key}", f"converged, {name}", f"Likewise by {name}.")
        for key, name in OPTIMIZERS.items()
    ),
    error_metric(
        "floor", "floor", "meV/Å", "Smallest that the largest force on atoms or cell was; converged is below 0.1."
    ),
    error_metric(
        "limit_cycle", "limit cycles", "", "Share of descents whose forces fell no lower in the last 200 steps."
    ),
    error_metric(
        "broke_off", "broke off", "", "Share of descents that broke off: the cell ran away, or numbers were none."
    ),
    error_metric(
        "uphill", "uphill", "meV/atom", "Sum of the energy's rises from step to step, mean over both optimisers."
    ),
    *(
        error_metric(f"uphill_{key}", f"uphill, {name}", "meV/atom", f"Likewise by {name}.")
        for key, name in OPTIMIZERS.items()
    ),
    error_metric(
        "steps", "steps", "", "Steps taken, mean over both optimisers; one that does not converge takes all 500."
    ),
    error_metric(
        "energy_spread", "energy spread", "meV/atom", "Difference of the final energies between the optimisers."
    ),
    error_metric("volume_spread", "volume spread", "%", "Difference of the final volumes between the optimisers."),
    error_metric(
        "gradient_gap",
        "gradient gap",
        "meV/Å",
        "Direct modes only: RMS of the forces at the end less those that the energy has there.",
    ),
    error_metric("stress_gap", "stress gap", "GPa", "Direct modes only: likewise of the stress."),
    error_metric(
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
