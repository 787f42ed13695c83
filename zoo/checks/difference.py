"""Difference: two answers that physics says are the same, compared in the unit of each quantity."""

from __future__ import annotations

import numpy as np

from zoo.batch import Array, Batch
from zoo.checks.bounds import Bounds
from zoo.checks.finding import Fault, Measure


def difference(found: Batch, expected: Batch, *, bounds: Bounds, share: float = 1.0) -> tuple[Measure, ...]:
    """Largest differences of energy (eV/atom), force (eV/Å) and stress (eV/Å³) components.

    `share`: the fraction of the bounds that this comparison may use.
    """
    sizes = np.array([len(forces) for forces in expected.forces])
    per_atom = expected.energies / sizes
    measures = [
        _largest("energy", found.energies / sizes - per_atom, share * bounds.energy_per_atom(per_atom), "eV/atom"),
        _largest("force", np.concatenate(found.forces) - np.concatenate(expected.forces), share * bounds.force, "eV/Å"),
    ]
    if (found.stresses is None) != (expected.stresses is None):
        raise Fault("stress is there in one answer and None in the other")
    if found.stresses is not None and expected.stresses is not None:
        measures.append(_largest("stress", found.stresses - expected.stresses, share * bounds.stress, "eV/Å³"))
    return tuple(measures)


def _largest(what: str, differences: Array, bound: float, unit: str) -> Measure:
    return Measure(what, float(abs(differences).max(initial=0.0)), bound, unit)
