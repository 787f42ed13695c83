"""Phonons in records: the relaxed cell and the model's spectrum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from evaluation.definitions.phonons import protocol
from evaluation.outputs.quantized_array import unpack
from evaluation.record import Record
from evaluation.reference import phonondb

if TYPE_CHECKING:
    from ase import Atoms

Array = NDArray[np.float64]


def reference(sample: str) -> phonondb.Spectrum | None:
    """PBE's spectrum; None for a crystal of the canary, which has none. Raises DatasetUnavailable."""
    return None if sample in protocol().canary else phonondb.spectra()[sample]


def spectrum(record: Record) -> phonondb.Spectrum:
    """The model's spectrum in an ok record."""
    outputs = record.outputs
    return phonondb.Spectrum(
        unpack(outputs["qpoints"]), np.array(outputs["weights"], dtype=float), unpack(outputs["frequencies"])
    )


def structure(record: Record) -> Atoms:
    """The relaxed unit cell of an ok record."""
    return structure_of(record.outputs)


def structure_of(outputs: Mapping[str, JsonValue]) -> Atoms:
    """The same, of its outputs."""
    from ase import Atoms

    return Atoms(numbers=outputs["numbers"], cell=outputs["cell"], positions=outputs["positions"], pbc=True)


def primitive_cell(record: Record) -> Array:
    """The primitive cell (3, 3) of an ok record, rows; its q points are fractional in it."""
    return np.asarray(np.array(record.outputs["primitive_matrix"]).T @ np.array(record.outputs["cell"]))
