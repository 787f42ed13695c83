"""Request and Raw: a batch of structures as arrays, and the arrays that come back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

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

    def __len__(self) -> int:
        return len(self.n_atoms)

    @classmethod
    def of(cls, atoms: Sequence[Atoms]) -> Request:
        """Pack ASE atoms."""
        return cls(
            n_atoms=np.array([len(a) for a in atoms], dtype=np.int64),
            numbers=np.concatenate([np.empty(0, dtype=np.int64), *(a.numbers for a in atoms)]).astype(np.int64),
            positions=np.concatenate([np.empty((0, 3)), *(a.positions for a in atoms)]).astype(np.float64),
            cells=np.array([a.cell.array for a in atoms], dtype=np.float64).reshape(-1, 3, 3),
            pbc=np.array([a.pbc for a in atoms], dtype=np.uint8).reshape(-1, 3),
        )

    def part(self, start: int, stop: int) -> Request:
        """Structures start … stop-1."""
        ends = np.concatenate([[0], np.cumsum(self.n_atoms)])
        atoms = slice(ends[start], ends[stop])
        rows = slice(start, stop)
        return Request(self.n_atoms[rows], self.numbers[atoms], self.positions[atoms], self.cells[rows], self.pbc[rows])

    def take(self, indices: Sequence[int]) -> Request:
        """These structures; the indices ascend."""
        if list(indices) == list(range(len(self))):
            return self
        rows = np.array(indices, dtype=np.int64)
        chosen = np.zeros(len(self), dtype=bool)
        chosen[rows] = True
        atoms = np.repeat(chosen, self.n_atoms)
        return Request(self.n_atoms[rows], self.numbers[atoms], self.positions[atoms], self.cells[rows], self.pbc[rows])

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything by name, as it goes through the pipe."""
        return vars(self)


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

    @classmethod
    def failed(cls, request: Request, error: str) -> Raw:
        """No numbers for the one structure of a request."""
        return cls(
            np.full(1, np.nan), np.full_like(request.positions, np.nan), np.full((1, 3, 3), np.nan), [error], 0.0
        )
