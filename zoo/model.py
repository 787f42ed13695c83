"""Model: a checkpoint that computes, nothing around it. Lists of atoms in, batches that fit into memory through."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from zoo.batch import Batch, StructureFailure
from zoo.cards.card import Card
from zoo.errors import MalformedAnswer, WorkerOutOfMemory
from zoo.runtime.input_check import problems
from zoo.runtime.request import Raw, Request

if TYPE_CHECKING:
    from ase import Atoms

# A CPU gains nothing from batches of more atoms than this; an accelerator is filled until it says no.
ATOMS_PER_BATCH_CPU = 128
ATOMS_PER_BATCH_ACCELERATOR = 32_768
USUAL_CUTOFF = 6.0
"""Å, of a model whose card names none."""


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
    def atoms_per_batch(self, value: int | None) -> None:
        self._atoms_per_batch = value

    @property
    def atoms_per_batch_so_far(self) -> int | None:
        """The same without starting the model; None when nothing has decided it."""
        return self._atoms_per_batch

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        """Energies (eV), forces (eV/Å) and stresses (eV/Å³, 3×3) of a list of structures.

        A structure that the model cannot do has a StructureFailure in `errors` and NaN for numbers. Raises
        zoo.errors.WorkerError for what is not the structure's fault.
        """
        errors, runnable, request = self._examined(atoms)
        energies = np.full(len(atoms), np.nan)
        forces = [np.full((len(a), 3), np.nan) for a in atoms]
        stresses: np.ndarray | None = np.full((len(atoms), 3, 3), np.nan)
        seconds = 0.0
        for part, raw in self._answers(request) if runnable else ():
            rows = [runnable[i] for i in part]
            ends = np.cumsum([len(atoms[i]) for i in rows])[:-1]
            energies[rows] = raw.energies
            for i, force, error in zip(rows, np.split(raw.forces, ends), raw.errors, strict=True):
                forces[i], errors[i] = force, _failed(error)
            if raw.stresses is None:
                stresses = None
            elif stresses is not None:
                periodic = np.array([atoms[i].pbc.all() for i in rows])
                stresses[rows] = np.where(periodic[:, None, None], raw.stresses, np.nan)
            seconds += raw.seconds
        return Batch(energies, forces, stresses, errors, seconds)

    def _answers(self, request: Request) -> Iterator[tuple[range, Raw]]:
        """The whole request in batches that fit into memory: the structures' numbers and their answer."""
        done = 0
        alone = 0  # structures before this one go one by one
        while done < len(request):
            stop = done + (1 if done < alone else self._fitting(request.n_atoms[done:]))
            part = request.part(done, stop)
            try:
                raw = self.backend.compute(part)
            except WorkerOutOfMemory:
                if len(part) == 1:
                    raise
                self.atoms_per_batch = math.ceil(int(part.n_atoms.sum()) / 2)
                continue
            except MalformedAnswer as error:
                if len(part) > 1:  # find out whose answer it is
                    alone = stop
                    continue
                raw = Raw.failed(part, f"the model's answer is malformed: {error}")
            yield range(done, stop), raw
            done = stop

    def _examined(self, atoms: Sequence[Atoms]) -> tuple[list[StructureFailure | None], list[int], Request]:
        """Why a structure need not be sent at all, None where it must; which ones those are, and packed."""
        errors = [_failed(None if len(a) else "there are no atoms") for a in atoms]
        filled = [i for i, error in enumerate(errors) if error is None]
        request = Request.of([atoms[i] for i in filled])
        if filled:
            found = problems(request, cutoff=self._card.cutoff or USUAL_CUTOFF)
            for i, problem in zip(filled, found, strict=True):
                errors[i] = _failed(problem) or self._unknown(atoms[i])
        left = [k for k, i in enumerate(filled) if errors[i] is None]
        return errors, [filled[k] for k in left], request.take(left)

    def _unknown(self, atoms: Atoms) -> StructureFailure | None:
        unknown = [] if self._known is None else sorted(set(atoms.symbols) - self._known)
        if not unknown:
            return None
        return StructureFailure("unsupported", f"{self._card.name} was not made for {', '.join(unknown)}")

    def _fitting(self, n_atoms: np.ndarray) -> int:
        """How many of the next structures go together; at least one."""
        return max(1, int(np.searchsorted(np.cumsum(n_atoms), self.atoms_per_batch, side="right")))


def _failed(text: str | None) -> StructureFailure | None:
    return None if text is None else StructureFailure("failed", text)
