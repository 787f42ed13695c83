"""The card's canary: the known answer that finds a model which keeps every symmetry and computes something else."""

from __future__ import annotations

import numpy as np

from zoo import example_crystals
from zoo.checks.bench import Bench
from zoo.checks.finding import Finding, Measure, Skipped

# Wide enough for digits of a card, float32 and other hardware; wrong weights or species are off by hundreds of these.
_ENERGY = 5e-4
_FORCE = 5e-3
_PRESSURE_GPA = 0.05


def canary(bench: Bench) -> Finding:
    """The distorted crystal of the card has the card's energy (eV/atom), largest force (eV/Å) and pressure (GPa).

    The largest force is the largest norm over atoms. A canary stands for the card's default head and fidelity.
    """
    from ase import units

    card = bench.card
    if card is None:
        raise Skipped("no card was given")
    default = card.default_mode
    if (bench.forces, bench.fidelity or default.fidelity) != (default.forces, default.fidelity):
        raise Skipped(f"the card's canary stands for {default}")
    if bench.averaging != "none" and card.rotation != "exact":
        raise Skipped("the card's canary stands for one orientation, and averaging changes what is learned of them")
    known = card.canary
    if known is None:
        raise Skipped("the card has no canary yet")
    batch = bench.answer([example_crystals.distorted(known.crystal)])
    forces = batch.forces[0]
    energy = float(batch.energies[0]) / len(forces)
    largest = float(np.linalg.norm(forces, axis=1).max())
    answers = [
        ("energy", energy, known.energy_ev_per_atom, _ENERGY, "eV/atom"),
        ("max force", largest, known.max_force_ev_per_angstrom, _FORCE, "eV/Å"),
    ]
    if batch.stresses is not None:
        pressure_gpa = -float(np.trace(batch.stresses[0])) / 3 / units.GPa
        answers.append(("pressure", pressure_gpa, known.pressure_gpa, _PRESSURE_GPA, "GPa"))
    compared = ", ".join(f"{what} {value:.4f} (card {wanted:.4f}) {unit}" for what, value, wanted, _, unit in answers)
    return Finding(
        tuple(Measure(what, abs(value - wanted), bound, unit) for what, value, wanted, bound, unit in answers),
        diagnosis=f"another model, another unit, or species mixed up: {known.crystal} has {compared}",
    )
