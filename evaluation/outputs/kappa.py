"""Thermal conductivity in records, mode by mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from evaluation.metrics.kappa import average
from evaluation.record import Record

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Modes:
    """Conductivity and modes at the irreducible q-points of the mesh."""

    addresses: Integers
    """(q, 3): q-points in units of 1/mesh."""
    weights: Integers
    """(q,) points of the mesh that each stands for."""
    frequencies: Array
    """(q, b), THz."""
    mode_kappa: Array
    """(q, b), W/(m·K): directional average, tunnelling included, summed over the points that each stands for."""
    kappa_particles: Array
    """(6,), W/(m·K), xx yy zz yz xz xy: the conductivity of phonons as particles."""
    kappa_coherences: Array
    """(6,), W/(m·K): of their tunnelling between modes."""

    @property
    def kappa(self) -> float:
        """Directional average, W/(m·K)."""
        return float(average(self.kappa_particles + self.kappa_coherences))

    def as_json(self) -> dict[str, JsonValue]:
        """Plain lists; the modes' numbers, thousands of them, to eight significant digits."""
        return {
            "q_addresses": self.addresses.tolist(),
            "weights": self.weights.tolist(),
            "frequencies": _rounded(self.frequencies),
            "mode_kappa": _rounded(self.mode_kappa),
            "kappa_particles": self.kappa_particles.tolist(),
            "kappa_coherences": self.kappa_coherences.tolist(),
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """What `as_json` gave; other keys are left alone."""
        return cls(
            addresses=np.array(found["q_addresses"], dtype=np.int64),
            weights=np.array(found["weights"], dtype=np.int64),
            frequencies=np.array(found["frequencies"], dtype=float),
            mode_kappa=np.array(found["mode_kappa"], dtype=float),
            kappa_particles=np.array(found["kappa_particles"], dtype=float),
            kappa_coherences=np.array(found["kappa_coherences"], dtype=float),
        )


def modes_of(record: Record) -> Modes | None:
    """The conductivity of a record, mode by mode; None where it has none."""
    if record.outputs.get("outcome") != "kappa":
        return None
    return Modes.from_json(record.outputs)


def _rounded(table: Array) -> list[JsonValue]:
    return [[float(f"{number:.8g}") for number in row] for row in table.tolist()]
