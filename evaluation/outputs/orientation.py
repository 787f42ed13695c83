"""Orientations in records: how each run of a crystal ended, and whether it did what the crystal must."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from evaluation.definitions.orientation import protocol
from evaluation.metrics import orientation, phonon
from evaluation.metrics.geometry import Crystal, space_group
from evaluation.metrics.orientation import Ran
from evaluation.outputs.quantized_array import unpack
from evaluation.record import Record


def runs(record: Record) -> list[Ran | None]:
    """How each orientation of an ok record ended, upright first; None for one without an answer."""
    numbers, qpoints = np.array(record.outputs["numbers"]), np.array(record.outputs["qpoints"])
    loose, strict = protocol().loose_symprec, protocol().strict_symprec
    limits = phonon.Thresholds(**protocol().imaginary.model_dump())
    found: list[Ran | None] = []
    for each in _orientations(record):
        if each["error"] is not None:
            found.append(None)
            continue
        distorted, frequencies = cast("dict[str, JsonValue]", each["distorted"]), unpack(each["frequencies"])
        fell = distorted["error"] is None
        found.append(
            Ran(
                energy=cast(float, each["energy"]) / len(numbers),
                volume=float(np.linalg.det(np.array(each["cell"]))) / len(numbers),
                frequencies=frequencies,
                imaginary=not phonon.stable(frequencies, qpoints, limits),
                group=_number(numbers, each, loose),
                strict_group=_number(numbers, each, strict),
                distorted_group=_number(numbers, distorted, loose) if fell else None,
                distorted_energy=cast(float, distorted["energy"]) / len(numbers) if fell else None,
            )
        )
    return found


def is_right(record: Record, run: Ran) -> bool:
    """Whether an orientation of an ok record did what the crystal must do."""
    if protocol().expected(record.sample) == "breaks":
        return orientation.breaks(run, known_group(record), downhill=protocol().downhill)
    return orientation.holds(run, known_group(record))


def _orientations(record: Record) -> list[dict[str, JsonValue]]:
    return cast("list[dict[str, JsonValue]]", record.outputs["orientations"])


def answered(record: Record) -> list[dict[str, JsonValue]]:
    """What is stored of the orientations of an ok record that have an answer."""
    return [each for each in _orientations(record) if each["error"] is None]


def known_group(record: Record) -> int:
    """International number of the space group that the crystal of an ok record is known to have."""
    return cast(int, record.outputs["space_group"])


def _number(numbers: NDArray[np.int64], ended: dict[str, JsonValue], symprec: float) -> int | None:
    found = space_group(Crystal(numbers, np.array(ended["cell"]), np.array(ended["positions"])), symprec)
    return None if found is None else found.number
