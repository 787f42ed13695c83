"""Request and Raw: a batch of structures as arrays, and the arrays that come back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zoo.runtime.electrons import value
from zoo.runtime.serving import batches

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True)
class Request:
    """n structures with N atoms in all, as arrays."""

    n_atoms: np.ndarray
    """(n,)"""
    numbers: np.ndarray
    """(N,)"""
    positions: np.ndarray
    """(N, 3), Å."""
    cells: np.ndarray
    """(n, 3, 3), Å, rows."""
    pbc: np.ndarray
    """(n, 3)"""
    charges: np.ndarray
    """(n,), e: total; NaN where none was given."""
    spins: np.ndarray
    """(n,), multiplicities 2S + 1; NaN where none was given."""
    magmoms: bool = False
    """Whether magnetic moments are asked for."""
    atoms_per_batch: int | None = None
    """What goes through the model at once, as `zoo.runtime.serving.batches` cuts it; None: everything."""

    def __len__(self) -> int:
        return len(self.n_atoms)

    @classmethod
    def of(cls, atoms: Sequence[Atoms], *, magmoms: bool = False) -> Request:
        """Pack ASE atoms."""
        return cls(
            n_atoms=np.array([len(a) for a in atoms], dtype=np.int64),
            numbers=np.concatenate([np.empty(0, dtype=np.int64), *(a.numbers for a in atoms)]).astype(np.int64),
            positions=np.concatenate([np.empty((0, 3)), *(a.positions for a in atoms)]).astype(np.float64),
            cells=np.array([a.cell.array for a in atoms], dtype=np.float64).reshape(-1, 3, 3),
            pbc=np.array([a.pbc for a in atoms], dtype=np.uint8).reshape(-1, 3),
            charges=_totals(atoms, "charge"),
            spins=_totals(atoms, "spin"),
            magmoms=magmoms,
        )

    def part(self, start: int, stop: int) -> Request:
        """Structures start … stop-1."""
        ends = np.concatenate([[0], np.cumsum(self.n_atoms)])
        return self._of(slice(start, stop), slice(ends[start], ends[stop]))

    @property
    def n_batches(self) -> int:
        """How many batches it is to the model."""
        return len(list(batches(self.n_atoms, self.atoms_per_batch)))

    def take(self, indices: Sequence[int]) -> Request:
        """These structures; the indices ascend."""
        if list(indices) == list(range(len(self))):
            return self
        rows = np.array(indices, dtype=np.int64)
        chosen = np.zeros(len(self), dtype=bool)
        chosen[rows] = True
        atoms = np.repeat(chosen, self.n_atoms)
        return self._of(rows, atoms)

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by name, as they go through the pipe."""
        return {name: array for name, array in vars(self).items() if isinstance(array, np.ndarray)}

    def _of(self, rows: slice | np.ndarray, atoms: slice | np.ndarray) -> Request:
        return Request(
            n_atoms=self.n_atoms[rows],
            numbers=self.numbers[atoms],
            positions=self.positions[atoms],
            cells=self.cells[rows],
            pbc=self.pbc[rows],
            charges=self.charges[rows],
            spins=self.spins[rows],
            magmoms=self.magmoms,
            atoms_per_batch=self.atoms_per_batch,
        )


def _totals(atoms: Sequence[Atoms], key: str) -> np.ndarray:
    return np.array([math.nan if (found := value(each, key)) is None else found for each in atoms], dtype=np.float64)


@dataclass(frozen=True)
class Raw:
    """A worker's answer to one batch; n structures with N atoms in all."""

    energies: np.ndarray
    """(n,), eV."""
    forces: np.ndarray
    """(N, 3), eV/Å."""
    stresses: np.ndarray | None
    """(n, 3, 3), eV/Å³."""
    errors: list[str | None]
    seconds: float
    magmoms: np.ndarray | None = None
    """(N,), μB; None where they were not asked for."""

    @classmethod
    def failed(cls, request: Request, error: str) -> Raw:
        """No numbers for the one structure of a request."""
        return cls(
            energies=np.full(1, np.nan),
            forces=np.full_like(request.positions, np.nan),
            stresses=np.full((1, 3, 3), np.nan),
            errors=[error],
            seconds=0.0,
            magmoms=np.full(len(request.numbers), np.nan) if request.magmoms else None,
        )
