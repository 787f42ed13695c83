"""Continuity: whether the energy jumps where a neighbour enters or leaves the cutoff.

A model whose messages do not fade out at the cutoff has forces that are an exact gradient wherever there is one, and an
energy that is another one as soon as an atom crosses the cutoff. HIENet-V3 jumps by 1 meV in rattled rock salt when a
neighbour passes 5 Å, DPA3-v2-MPtrj by 1.4 meV at the 4 Å of its angles; between jumps the work of the forces is what
the energy loses, to the last digit.
"""

from __future__ import annotations

import numpy as np

from zoo.checks.bench import Bench
from zoo.checks.finding import Finding, Measure, Skipped


def continuity(bench: Bench) -> Finding:
    """The energy does not jump along short displacements; only where forces and energy disagree is it looked at."""
    if bench.forces != "conservative":
        raise Skipped("direct forces are no derivative of the energy, which could show a jump of it")
    jumps = abs(bench.force_work.jumps).max(axis=1)
    worst = int(np.argmax(jumps))
    return Finding(
        (
            Measure(
                "largest jump of the energy",
                float(jumps[worst]),
                float(bench.energy_noise[worst]),
                "eV",
                bench.names[worst],
            ),
        ),
        diagnosis="the energy jumps, as it does where messages do not fade out at the cutoff",
        unclaimed="the card says that the energy jumps where a neighbour crosses the cutoff" if bench.jumps else "",
    )
