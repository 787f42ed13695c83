"""Packed: an array of floats in a record, rounded to a stated quantum; a tenth of the size of a list of decimals.

The numbers become whole multiples of the quantum, 32-bit little-endian, deflated, in base64: small enough to keep the
forces of every displaced supercell, and the same bytes from the same numbers.
"""

from __future__ import annotations

import base64
import zlib
from typing import cast

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

Array = NDArray[np.float64]

LARGEST = 2**31 - 1


def pack(array: Array, *, quantum: float) -> dict[str, JsonValue]:
    """An array of any shape as a JSON value; `quantum` is in the array's unit, and the rounding error half of it.

    Raises ValueError when a number is not finite or beyond 2³¹ quanta.
    """
    whole = np.rint(np.asarray(array, dtype=float) / quantum)
    if not (np.isfinite(whole).all() and (np.abs(whole) <= LARGEST).all()):
        raise ValueError(f"cannot be packed in units of {quantum:g}: numbers that are not finite, or too large")
    data = zlib.compress(whole.astype("<i4").tobytes(), 9)
    return {"shape": list(whole.shape), "quantum": quantum, "data": base64.b64encode(data).decode("ascii")}


def whole(packed: JsonValue) -> NDArray[np.int64]:
    """The array that `pack` made, in quanta."""
    fields = cast("dict[str, JsonValue]", packed)
    found = np.frombuffer(zlib.decompress(base64.b64decode(cast(str, fields["data"]))), dtype="<i4")
    return found.reshape(cast("list[int]", fields["shape"])).astype(np.int64)


def unpack(packed: JsonValue) -> Array:
    """The array that `pack` made."""
    return np.asarray(whole(packed) * cast("dict[str, float]", packed)["quantum"])
