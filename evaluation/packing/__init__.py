"""Packing: records of a result in a tenth of the room, for the tasks whose outputs are large.

What follows from other outputs is left out and worked out when the records are read; what is nearly known from others
is stored as its difference from the prediction, in whole multiples of a resolution that the file states.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

Outputs = dict[str, JsonValue]
Integers = NDArray[np.int64]

_PACKED = ("forces", "phonons")
"""Tasks whose records are packed."""


@dataclass(frozen=True)
class Packed:
    """One record's outputs."""

    rest: Outputs
    """What is stored as JSON; also how the arrays have to be read."""
    arrays: dict[str, Integers]
    """Column → whole numbers, flat; small ones cost least."""


class Packing(Protocol):
    """How outputs of one task are packed."""

    version: int
    columns: Mapping[str, str]
    """Column → what its whole numbers are, with unit."""
    steps: tuple[int, ...]
    """How coarse `coarsened` may make a file, finest first."""

    def pack(self, outputs: Outputs) -> Packed:
        """The outputs of an ok record, in the finest resolution: `coarsened` makes of it what is stored."""
        ...

    def coarsened(self, packed: Packed, step: int) -> Packed:
        """What is stored: what no score needs in multiples of `step` resolutions, or coarser where it was before."""
        ...

    def unpack(self, packed: Packed) -> Outputs:
        """The outputs again."""
        ...


def of_task(task: str) -> Packing | None:
    """How records of a task are packed; None for a task that needs it not."""
    if task not in _PACKED:
        return None
    found: Packing = importlib.import_module(f"evaluation.packing.{task}").PACKING
    return found
