"""Batch: what a potential answers to a list of structures. A single structure is a batch of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ase import Atoms

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

_UNSUPPORTED = "unsupported: "
"""How the text of such a failure begins, in records and on pages."""


@dataclass(frozen=True)
class StructureFailure:
    """Why a model has no answer for one structure."""

    kind: Literal["unsupported", "failed"]
    """`unsupported`: the model does not claim to know such a structure; `failed`: everything else."""
    message: str

    def __str__(self) -> str:
        """The text that is stored: the message, after `unsupported: ` where the model makes no claim."""
        return f"{_UNSUPPORTED}{self.message}" if self.kind == "unsupported" else self.message

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The failure whose `str` is that text."""
        if text.startswith(_UNSUPPORTED):
            return cls("unsupported", text.removeprefix(_UNSUPPORTED))
        return cls("failed", text)


@dataclass(frozen=True)
class Spread:
    """How far the answers that were averaged lie apart, for n structures: an uncertainty.

    Standard deviations, so that white noise of one size in every number shows as that size. NaN where a structure has
    an error.
    """

    energies_per_atom: Array
    """(n,), eV/atom."""
    forces: list[Array]
    """n arrays (n_i,): per atom, root mean square over the averaged answers and the three components, eV/Å."""
    stresses: Array | None
    """(n,): root mean square over the averaged answers and the nine components, eV/Å³."""


@dataclass(frozen=True)
class Batch:
    """Energies, forces and stresses of n structures.

    Where `errors[i]` is not None the model could not do structure i, and its numbers are NaN.
    """

    energies: Array
    """(n,), eV per structure."""
    forces: list[Array]
    """n arrays (n_i, 3), eV/Å."""
    stresses: Array | None
    """(n, 3, 3), eV/Å³, tensile positive (ASE's sign), per volume of the structure's own cell. Of a structure with open
    directions only the components along periodic ones, the others zero; NaN for one that is periodic in none or whose
    cell has no volume, and where the stress is a head's and no derivative. None when the model has no stress."""
    errors: list[StructureFailure | None]
    seconds: float
    """Time inside the model, without the pipe."""
    calls: Counts = field(default=None)  # type: ignore[arg-type]  # its default needs the number of structures
    """(n,), model evaluations behind each answer: one, unless a wrapper needed more."""
    spread: Spread | None = None
    """Of the answers that a wrapper averaged; None where there was one answer."""
    magmoms: list[Array] | None = None
    """n arrays (n_i,), μB; None where they were not asked for."""

    def __post_init__(self) -> None:
        if self.calls is None:
            object.__setattr__(self, "calls", np.ones(len(self), dtype=np.int64))

    def __len__(self) -> int:
        return len(self.forces)

    def share_seconds(self) -> Array:
        """(n,), s: each structure's share of `seconds`, in proportion to its atoms times its model evaluations."""
        parts = self.calls * np.array([len(forces) for forces in self.forces], dtype=np.int64)
        total = parts.sum()
        return np.asarray(self.seconds * parts / total) if total else np.zeros(len(self))


class Computes(Protocol):
    """All that the harness needs of a potential."""

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        """Energies, forces and stresses of a list of structures."""
