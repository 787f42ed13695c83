"""Diatomic curves: metrics and protocol of the task `diatomics`."""

from __future__ import annotations

from functools import cache

from evaluation.metric import Metric
from evaluation.protocol import TaskProtocol, read_protocol

PLAIN = {
    "tortuosity": (
        "tortuosity",
        "",
        1.0,
        "Sum of all ups and downs of E(r), over the least that its ends and its lowest point need.",
    ),
    "energy_jump": (
        "energy jump",
        "eV",
        0.0,
        "Sum of the energy steps on both sides of every turning point of E(r): large where the energy jumps.",
    ),
    "energy_flips": (
        "energy flips",
        "",
        1.0,
        "Turning points of E(r), steps below 1 meV left out. A single well has one, pure repulsion none.",
    ),
    "force_flips": (
        "force flips",
        "",
        1.0,
        "Changes of the force's sign, forces below 10 meV/Å left out. A single well has one.",
    ),
    "force_jump": (
        "force jump",
        "eV/Å",
        0.0,
        "Sum of the force steps on both sides of every turning point of F(r).",
    ),
    "conservation_deviation": (
        "|F + dE/dr|",
        "meV/Å",
        0.0,
        "Mean deviation of the force from the energy's slope along the curve, over pairs of steps. "
        "A gradient leaves below 1 meV/Å; one with more has an energy that jumps, or a wall that 0.01 Å do "
        "not resolve.",
    ),
    "bond_length_error": (
        "|bond length error|",
        "Å",
        0.0,
        "Absolute error of the distance of the lowest minimum, over elements that PBE binds by more than 0.1 eV.",
    ),
    "well_depth_error": (
        "|well depth error|",
        "eV",
        0.0,
        "Absolute error of the depth of the lowest minimum below the energy at 6 Å, over the same elements.",
    ),
}

MEANS_AS_WELL = ("tortuosity", "energy_jump", "force_jump", "bond_length_error", "well_depth_error")
"""Others publish them."""
MEDIANS = (*MEANS_AS_WELL, "conservation_deviation")
"""One element outweighs all others in a mean of these: CHGNet's helium has a tortuosity of 102, SevenNet-0's wall is 5
million eV/Å high. A failed curve counts as worse than any, and so does a missing minimum where PBE has a bond."""


METRICS = (
    *(
        Metric(
            name=name,
            label=label,
            unit=unit,
            better="lower",
            best=best,
            average="median" if name in MEDIANS else "mean",
            on_failure="worst" if name in MEDIANS else "excluded",
            doc=f"{doc} {'Median' if name in MEDIANS else 'Averaged'} over elements.",
        )
        for name, (label, unit, best, doc) in PLAIN.items()
    ),
    *(
        Metric(
            name=f"{name}_mean",
            label=f"{PLAIN[name][0]}, mean",
            unit=PLAIN[name][1],
            better="lower",
            best=PLAIN[name][2],
            doc=f"The {PLAIN[name][0]}, averaged over elements: one element can decide it.",
        )
        for name in MEANS_AS_WELL
    ),
    Metric(
        name="success",
        label="curves",
        unit="",
        better="higher",
        best=1.0,
        worst=0.0,
        on_failure="worst",
        doc="Fraction of elements for which the model answers at every distance.",
    ),
)


class DiatomicsProtocol(TaskProtocol):
    """The numbers of `evaluation/protocols/diatomics-v1.yaml`."""

    nearest: float
    """Covalent radii: the smallest distance."""
    farthest: float
    """Van der Waals radii: the largest distance."""
    step: float
    """Å: between distances."""
    farthest_without_radius: float
    """Å: the largest distance where the element has no van der Waals radius."""
    box: float
    """Å: edge of the periodic cube."""
    smallest_energy_step: float
    """eV: smaller steps are no change of sign."""
    smallest_force: float
    """eV/Å: smaller forces, and steps of the force, are no change of sign."""
    shallowest_well: float
    """eV: wells of the reference that are shallower are not compared."""
    apart: float
    """Å: where the depth of a well is measured from."""
    energy_decimals: int
    """Of stored energies, eV."""
    force_decimals: int
    """Of stored forces, eV/Å."""
    canary: tuple[str, ...]
    fast: tuple[str, ...]
    """Symbols; full adds every other element of the reference."""


@cache
def protocol() -> DiatomicsProtocol:
    """The numbers of today's protocol."""
    return read_protocol("diatomics", DiatomicsProtocol)
