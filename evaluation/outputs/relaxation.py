"""Relaxations in records: both crystals, and the energies and forces on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
from pydantic import JsonValue

from evaluation.metrics import descent
from evaluation.metrics.geometry import Crystal
from evaluation.record import Record


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


def energy(record: Record) -> float:
    """The relaxed crystal's energy, eV/atom."""
    outputs = cast("dict[str, list[float]]", record.outputs)
    return outputs["energies"][-1] / len(outputs["numbers"])


def steps(record: Record) -> int:
    """Steps that the relaxation took."""
    return len(cast("list[float]", record.outputs["energies"])) - 1


def numbers(record: Record) -> list[int]:
    """Atomic numbers, of both crystals."""
    return cast("list[int]", record.outputs["numbers"])


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
