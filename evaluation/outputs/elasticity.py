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
