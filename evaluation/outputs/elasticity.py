"""Elastic response in records: the tensor that stored stresses amount to."""

from __future__ import annotations

import numpy as np

from evaluation.metrics import elastic
from evaluation.record import Record


def tensor(record: Record) -> elastic.Fit:
    """The elastic tensor (GPa) of an ok record as fitted, and how well it fits."""
    from ase.units import GPa

    strains, stresses = (np.asarray(record.outputs[name], dtype=float) for name in ("strains", "stresses"))
    return elastic.fit(strains, stresses / GPa)


def tensors_by_strain(record: Record) -> tuple[elastic.Fit, elastic.Fit]:
    """The same from the smaller half of the strains along each component alone, and from the larger half."""
    from ase.units import GPa

    strains, stresses = (np.asarray(record.outputs[name], dtype=float) for name in ("strains", "stresses"))
    sizes, component = np.abs(strains).max(axis=1), np.abs(strains).argmax(axis=1)
    middle = np.array([np.median(sizes[component == one]) for one in component])
    small = sizes < middle
    return elastic.fit(strains[small], stresses[small] / GPa), elastic.fit(strains[~small], stresses[~small] / GPa)
