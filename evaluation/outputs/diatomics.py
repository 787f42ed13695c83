"""Diatomic curves in records: the model's and the reference's."""

from __future__ import annotations

import numpy as np

from evaluation.record import Record


def curve(record: Record) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances (Å), energies (eV) and forces along r (eV/Å) of an ok record."""
    distances, energies, forces = (np.array(record.outputs[key], float) for key in ("distances", "energies", "forces"))
    return distances, energies, forces


def reference_curve(record: Record) -> tuple[np.ndarray, np.ndarray] | None:
    """Distances (Å) and PBE energies (eV) that an ok record keeps; None where the element has none."""
    if record.outputs["distances_ref"] is None:
        return None
    return np.array(record.outputs["distances_ref"], float), np.array(record.outputs["energies_ref"], float)
