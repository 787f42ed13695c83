"""Model: a checkpoint that computes, nothing around it. Lists of atoms in, batches that fit into memory through."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from zoo.batch import Batch, StructureFailure
from zoo.cards.card import Card
from zoo.errors import WorkerOutOfMemory
from zoo.runtime.request import Raw, Request

if TYPE_CHECKING:
    from ase import Atoms

# A CPU gains nothing from batches of more atoms than this; an accelerator is filled until it says no.
ATOMS_PER_BATCH_CPU = 128
ATOMS_PER_BATCH_ACCELERATOR = 32_768


class Backend(Protocol):
    """Where the arithmetic happens: a Worker across a pipe, or a Local model in this process."""

    info: dict[str, Any]
    memory_gb: float | None

    def start(self) -> None: ...

    def compute(self, request: Request) -> Raw: ...

    def close(self) -> None: ...


class Model:
    """A checkpoint's own answers, as they are."""

    def __init__(self, backend: Backend, card: Card) -> None:
        self.backend = backend
        self._card = card
        self._known = None if card.elements is None else frozenset(card.elements)
        self._atoms_per_batch: int | None = None

    @property
    def info(self) -> dict[str, Any]:
        """What the model runs in: facts, device, accelerator, python, packages. Starts it."""
        self.backend.start()
        return self.backend.info

    @property
    def atoms_per_batch(self) -> int:
        """Atoms that go through the model at once; shrinks, and stays so, when memory runs out."""
        if self._atoms_per_batch is None:
            on_cpu = self.info["device"] == "cpu"
            self._atoms_per_batch = ATOMS_PER_BATCH_CPU if on_cpu else ATOMS_PER_BATCH_ACCELERATOR
        return self._atoms_per_batch

    @atoms_per_batch.setter
    def atoms_per_batch(self, value: int) -> None:
        self._atoms_per_batch = value

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        """Energies (eV), forces (eV/Å) and stresses (eV/Å³, 3×3) of a list of structures.

        A structure that the model cannot do has a StructureFailure in `errors` and NaN for numbers. Raises
        zoo.errors.WorkerError for what is not the structure's fault.
        """
        errors = [self._objection(a) for a in atoms]
        runnable = [i for i, error in enumerate(errors) if error is None]
        energies = np.full(len(atoms), np.nan)
        forces = [np.full((len(a), 3), np.nan) for a in atoms]
        stresses: np.ndarray | None = np.full((len(atoms), 3, 3), np.nan)
        seconds = 0.0
        if runnable:
            request = Request.of([atoms[i] for i in runnable])
            done = 0
            while done < len(request):
                stop = done + self._fitting(request.n_atoms[done:])
                try:
                    raw = self.backend.compute(request.part(done, stop))
                except WorkerOutOfMemory:
                    if stop - done == 1:
                        raise
                    self.atoms_per_batch = math.ceil(int(request.n_atoms[done:stop].sum()) / 2)
                    continue
                ends = np.cumsum(request.n_atoms[done:stop])[:-1]
                for k, force in enumerate(np.split(raw.forces, ends)):
                    i = runnable[done + k]
                    energies[i], forces[i] = raw.energies[k], force
                    if raw.stresses is None:
                        stresses = None
                    elif stresses is not None and atoms[i].pbc.all():
                        stresses[i] = raw.stresses[k]
                    errors[i] = _failure(raw.errors[k], raw.energies[k], force)
                seconds += raw.seconds
                done = stop
        return Batch(energies, forces, stresses, errors, seconds)

    def _objection(self, atoms: Atoms) -> StructureFailure | None:
        """Why these atoms need not be sent at all."""
        if len(atoms) == 0:
            return StructureFailure("failed", "there are no atoms")
        if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
            return StructureFailure("failed", "positions or cell are not finite")
        if atoms.pbc.any() and (atoms.cell.array[atoms.pbc] == 0).all(axis=1).any():
            return StructureFailure("failed", "periodic along a cell vector of length zero")
        unknown = [] if self._known is None else sorted(set(atoms.symbols) - self._known)
        if unknown:
            return StructureFailure("unsupported", f"{self._card.name} was not made for {', '.join(unknown)}")
        return None

    def _fitting(self, n_atoms: np.ndarray) -> int:
        """How many of the next structures go together; at least one."""
        return max(1, int(np.searchsorted(np.cumsum(n_atoms), self.atoms_per_batch, side="right")))


def _failure(error: str | None, energy: float, forces: np.ndarray) -> StructureFailure | None:
    """The backend's own error, or that an energy (eV) or a force (eV/Å) is not finite."""
    if error:
        return StructureFailure("failed", error)
    finite = np.isfinite(energy) and np.isfinite(forces).all()
    return None if finite else StructureFailure("failed", "the model returned numbers that are not finite")
