"""Relaxed: a relaxation as a record, and what can be read from such a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import numpy as np
from pydantic import JsonValue

from evaluation.metric import Metric
from evaluation.metrics import descent
from evaluation.metrics.geometry import Crystal
from evaluation.record import Record
from evaluation.recording import SampleCost, failed, succeeded
from zoo.batch import StructureFailure

if TYPE_CHECKING:
    from ase import Atoms

    from evaluation.physics.relax import Relaxed


RMSD = Metric(
    name="rmsd",
    label="RMSD",
    unit="",
    better="lower",
    best=0.0,
    worst=1.0,
    on_failure="worst",
    doc="Root-mean-square displacement of the atoms from the DFT crystal after the best match, in units of (volume per "
    "atom)^(1/3), averaged over relaxations. Another structure, or none, counts as 1.",
)
VOLUME_ERROR = Metric(
    name="volume_error",
    label="|volume error|",
    unit="%",
    better="lower",
    best=0.0,
    doc="Absolute error of the relaxed volume, averaged over relaxations.",
)
CONVERGED = Metric(
    name="converged",
    label="converged",
    unit="",
    better="higher",
    best=1.0,
    worst=0.0,
    on_failure="worst",
    doc="Fraction of relaxations that reach the force threshold within the allowed steps.",
)
"""What every task that relaxes says in the same words."""


def relaxed_record(sample: str, relaxed: Relaxed, *, reference: Atoms, **outputs: JsonValue) -> Record:
    """The record of a relaxation: both geometries and the whole way, with the task's own outputs beside them."""
    cost = SampleCost.of_cell(len(reference), force_calls=relaxed.force_calls, seconds=relaxed.seconds)
    if relaxed.error is not None or relaxed.atoms is None:
        return failed(sample, relaxed.error or StructureFailure("failed", "no structure"), cost)
    whole: dict[str, JsonValue] = {
        "numbers": reference.numbers.tolist(),
        "reference_cell": reference.cell.array.tolist(),
        "reference_positions": reference.positions.tolist(),
        "cell": relaxed.atoms.cell.array.tolist(),
        "positions": relaxed.atoms.positions.tolist(),
        "converged": relaxed.converged,
        "energies": [*relaxed.energies],
        "max_forces": [*relaxed.max_forces],
        "max_cell_forces": [*relaxed.max_cell_forces],
        **outputs,
    }
    return succeeded(sample, whole, cost)


def predicted(record: Record) -> Crystal:
    """The relaxed crystal of an ok record."""
    return _crystal(record.outputs, "")


def reference(record: Record) -> Crystal:
    """The crystal that it should be."""
    return _crystal(record.outputs, "reference_")


def forces(record: Record) -> list[float]:
    """Longest of the forces on atoms and cell (eV/Å) at the start and after each step: what is compared with fmax."""
    outputs = cast("dict[str, list[float]]", record.outputs)
    return [max(pair) for pair in zip(outputs["max_forces"], outputs["max_cell_forces"], strict=True)]


def energies(record: Record) -> list[float]:
    """Energies (eV/atom) at the start and after each step."""
    outputs = cast("dict[str, list[float]]", record.outputs)
    return [energy / len(outputs["numbers"]) for energy in outputs["energies"]]


def uphill(record: Record) -> float:
    """Sum of the energy's rises from step to step, eV/atom."""
    return descent.uphill(energies(record))


def is_limit_cycle(record: Record, *, steps: int) -> bool:
    """Whether it did not converge, and its last `steps` steps brought the forces no lower than they had been before."""
    return not record.outputs["converged"] and descent.is_limit_cycle(forces(record), steps=steps)


def _crystal(outputs: Mapping[str, JsonValue], kind: str) -> Crystal:
    return Crystal(
        np.asarray(outputs["numbers"], dtype=np.int64),
        np.asarray(outputs[f"{kind}cell"], dtype=float),
        np.asarray(outputs[f"{kind}positions"], dtype=float),
    )
