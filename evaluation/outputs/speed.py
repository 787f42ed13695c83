"""Timed calls in records: the model's and the reference's, as ratios and per atom."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from evaluation.record import Record

Array = NDArray[np.float64]


def seconds(record: Record) -> Array:
    """(n,), s: time inside the model of each timed call, of an ok record."""
    return np.array(record.outputs["seconds"], dtype=float)


def reference_seconds(record: Record) -> Array:
    """(n,), s: likewise of the reference's calls, each right before or after the model's."""
    return np.array(record.outputs["reference_seconds"], dtype=float)


def ratios(record: Record) -> Array:
    """(n,): the model's time over the reference's, call by call."""
    return seconds(record) / reference_seconds(record)


def atoms(record: Record) -> int:
    """Atoms of one call, of all its structures."""
    return cast(int, record.outputs["structures"]) * cast(int, record.outputs["atoms"])
