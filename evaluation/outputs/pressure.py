"""Crystals under pressure in records: at which pressure, volumes, and forces and stress at DFT's geometry."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics.geometry import Crystal
from evaluation.record import Record

Array = NDArray[np.float64]


def pressure_gpa(sample: str) -> float:
    """External pressure (GPa) of a sample, `<crystal>/<pressure>-gpa`."""
    return float(sample.rpartition("/")[2].removesuffix("-gpa"))


def volume(crystal: Crystal) -> float:
    """Å³ per atom."""
    return float(abs(np.linalg.det(crystal.cell)) / len(crystal.numbers))


def forces(record: Record) -> tuple[Array, Array]:
    """The model's and DFT's forces (n, 3) at DFT's geometry, eV/Å, of an ok record that has a reference."""
    return np.array(record.outputs["forces_pred"], dtype=float), np.array(record.outputs["forces_ref"], dtype=float)


def stresses(record: Record) -> tuple[Array, Array] | None:
    """Likewise the stresses (6,), Voigt, eV/Å³; None where the model has none."""
    if record.outputs["stress_pred"] is None:
        return None
    return np.array(record.outputs["stress_pred"], dtype=float), np.array(record.outputs["stress_ref"], dtype=float)
