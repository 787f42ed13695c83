"""Batch: what a potential answers to a list of structures. A single structure is a batch of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ase import Atoms

UNSUPPORTED = "unsupported: "
"""How an error begins that says: the model does not claim to know such a structure. Everything else is a failure."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Batch:
    """Energies, forces and stresses of n structures.

    Where `errors[i]` is text the model could not do structure i, and its numbers are NaN.
    """

    energies: Array
    """(n,), eV per structure."""
    forces: list[Array]
    """n arrays (n_i, 3), eV/Å."""
    stresses: Array | None
    """(n, 3, 3), eV/Å³, tensile positive (ASE's sign); NaN for a structure that is not periodic in three directions,
    None when the model has no stress."""
    errors: list[str | None]
    seconds: float
    """Time inside the model, without the pipe."""

    def __len__(self) -> int:
        return len(self.forces)


class Computes(Protocol):
    """All that the harness needs of a potential."""

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        """Energies, forces and stresses of a list of structures."""
