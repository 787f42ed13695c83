"""Forces in records, the model's and the reference's."""

from __future__ import annotations

import numpy as np

from evaluation.record import Record


def forces(record: Record) -> tuple[np.ndarray, np.ndarray]:
    """The model's and the reference's forces (n, 3), eV/Å, of an ok record that has a reference."""
    return np.array(record.outputs["forces_pred"], dtype=float), np.array(record.outputs["forces_ref"], dtype=float)
