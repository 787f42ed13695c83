"""Model: a checkpoint that computes, nothing around it. Lists of atoms in, batches that fit into memory through."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import ase
import numpy as np
from ase.data import chemical_symbols

from zoo.batch import Batch, StructureFailure
from zoo.batch_size import BatchSize
from zoo.cards.card import Card
from zoo.errors import MalformedAnswer, WorkerOutOfMemory
from zoo.runtime import boundaries, electrons, serving
from zoo.runtime.facts import Told
from zoo.runtime.input_check import problems
from zoo.runtime.request import Raw, Request

if TYPE_CHECKING:
    from ase import Atoms

BATCHES_PER_REQUEST = 8
"""Of a model that prepares a batch while it computes the one before it: only the first one is waited for."""
USUAL_CUTOFF = 6.0
"""Å, of a model whose card names none."""
# A warning stands at the line that asked
_NOT_THE_CALLER = (str(Path(__file__).parent), str(Path(ase.__file__).parent))


class Backend(Protocol):
    """Where the arithmetic happens: a Worker across a pipe, or a Local model in this process."""

    info: dict[str, Any]
    memory_gb: float | None
    process_memory_gb: float | None
    process_cpu_seconds: float | None

    def start(self) -> None: ...

    def compute(self, request: Request) -> Raw: ...

    def close(self) -> None: ...


class Model:
    """A checkpoint's own answers, as they are.

    `direct`: its stress is a head's, not a derivative. Such a stress belongs to no volume, so a structure with open
    directions has none.
    """

    def __init__(
        self, backend: Backend, card: Card, *, direct: bool = False, batch_size: BatchSize | None = None
    ) -> None:
        self.backend = backend
        self.batch_size = batch_size or BatchSize()
        self._card = card
        self._direct = direct
        # atomic numbers; of an unpinned card without elements, all of them
        self._known = [chemical_symbols.index(each) for each in card.elements or chemical_symbols]
        self._warned: set[str] = set()

    @property
    def info(self) -> dict[str, Any]:
        """What the model runs in: facts, device, accelerator, python, packages. Starts it."""
        self.backend.start()
        return self.backend.info

    @property
    def predicts_magmoms(self) -> bool:
        """Whether `compute` has magnetic moments when they are asked for. Starts the model."""
        return self._told.magmoms

    @property
    def atoms_per_batch(self) -> int:
        """Atoms that go through the model at once; see zoo.batch_size. Starts the model where nothing decided it."""
        return self.batch_size.of(lambda: self.info)

    def compute(self, atoms: Sequence[Atoms], *, magmoms: bool = False) -> Batch:
        """Energies (eV), forces (eV/Å), stresses (eV/Å³, 3×3) and magnetic moments (μB) of a list of structures.

        A structure that the model cannot do has a StructureFailure in `errors` and NaN for numbers. Raises
        zoo.errors.WorkerError for what is not the structure's fault.
        """
        errors, runnable, request = self._examined(atoms, magmoms=magmoms)
        energies = np.full(len(atoms), np.nan)
        forces = [np.full((len(a), 3), np.nan) for a in atoms]
        stresses: np.ndarray | None = np.full((len(atoms), 3, 3), np.nan)
        moments = [np.full(len(a), np.nan) for a in atoms] if magmoms else None
        seconds = 0.0
        asked = self._boxed(request)
        for part, raw in self._answers(asked) if runnable else ():
            rows = [runnable[i] for i in part]
            ends = np.cumsum([len(atoms[i]) for i in rows])[:-1]
            energies[rows] = raw.energies
            for i, force, error in zip(rows, np.split(raw.forces, ends), raw.errors, strict=True):
                forces[i], errors[i] = force, _failed(error)
            if raw.stresses is None:
                stresses = None
            elif stresses is not None:
                given, sent = (each.part(part.start, part.stop) for each in (request, asked))
                stresses[rows] = boundaries.own_stresses(given, sent, raw.stresses, direct=self._direct)
            if moments is not None and raw.magmoms is not None:
                for i, own in zip(rows, np.split(raw.magmoms, ends), strict=True):
                    moments[i] = own
            seconds += raw.seconds
        return Batch(energies, forces, stresses, errors, seconds, magmoms=moments)

    def _answers(self, request: Request) -> Iterator[tuple[range, Raw]]:
        """The whole request in batches that fit into memory: the structures' numbers and their answer."""
        done = 0
        apart = 0  # structures before this one go batch by batch
        alone = 0  # structures before this one go one by one
        while done < len(request):
            part = self._next(request.part(done, len(request)), apart=done < apart, alone=done < alone)
            stop = done + len(part)
            try:
                raw = self.backend.compute(part)
            except (WorkerOutOfMemory, MalformedAnswer) as error:
                if part.n_batches > 1:  # find out whose it is
                    apart = stop
                    continue
                if isinstance(error, WorkerOutOfMemory):
                    if len(part) == 1:
                        raise
                    self.batch_size.halve(int(part.n_atoms.sum()))
                    continue
                if len(part) > 1:
                    alone = stop
                    continue
                raw = Raw.failed(part, f"the model's answer is malformed: {error}")
            if part.n_batches == 1 and not any(raw.errors):
                atoms = int(part.n_atoms.sum())
                self.batch_size.took(len(part), atoms, seconds=raw.seconds, peak_gb=self.backend.memory_gb)
            yield range(done, stop), raw
            done = stop

    def _next(self, request: Request, *, apart: bool, alone: bool) -> Request:
        """The part of a request that goes to the backend together."""
        if alone:
            return request.part(0, 1)
        atoms = self.atoms_per_batch
        together = not apart and self.batch_size.settled and self.info.get("prepares_ahead")
        *_, last = islice(serving.batches(request.n_atoms, atoms), BATCHES_PER_REQUEST if together else 1)
        return replace(request.part(0, last.stop), atoms_per_batch=atoms)

    @property
    def _told(self) -> Told:
        return Told.of(self.info.get("facts", {}))

    def _boxed(self, request: Request) -> Request:
        """The request as the model is asked; see zoo.runtime.boundaries."""
        if request.pbc.all():
            return request
        told = self._told
        reach = max(told.cutoff or 0.0, self._card.cutoff or 0.0) or USUAL_CUTOFF
        which = boundaries.to_box(request, told.pbc)
        if which.any() and told.pbc != "any":
            self._warn(
                f"{self._card.name} knows {'crystals and molecules' if told.pbc == 'uniform' else 'crystals'} only: a "
                f"structure with open boundaries is put into a box in which no image is within its cutoff of {reach:g} "
                "Å, which changes neither energy nor forces"
            )
        return boundaries.boxed(request, which, reach=reach)

    def _warn_of_unread(self, atoms: Sequence[Atoms], told: Told) -> None:
        """Tell a person what of charge and spin does not reach the model: each thing once."""
        new = [what for what in electrons.unread(atoms, told.reads) if what not in self._warned]
        if new:
            self._warned.update(new)
            read = " and ".join(f"atoms.info[{key!r}]" for key in told.reads)
            self._warn(
                f"{self._card.name} ignores {', '.join(new)}: "
                + (f"it reads {read}" if read else "its answers depend on neither charge nor spin")
            )

    def _warn(self, text: str) -> None:
        """Once."""
        if text not in self._warned:
            self._warned.add(text)
            warnings.warn(text, skip_file_prefixes=_NOT_THE_CALLER, stacklevel=2)

    def _examined(
        self, atoms: Sequence[Atoms], *, magmoms: bool
    ) -> tuple[list[StructureFailure | None], list[int], Request]:
        """Why a structure need not be sent at all, None where it must; which ones those are, and packed."""
        errors = [_failed(None if len(a) else "there are no atoms") for a in atoms]
        filled = [i for i, error in enumerate(errors) if error is None]
        request = Request.of([atoms[i] for i in filled], magmoms=magmoms)
        if electrons.unread([atoms[i] for i in filled], ()):  # rare: only then is the model asked what it reads
            told = self._told
            self._warn_of_unread([atoms[i] for i in filled], told)
            for i in filled:
                errors[i] = _failed(electrons.problem(atoms[i], told.reads))
        if filled:
            found = problems(request, cutoff=self._card.cutoff or USUAL_CUTOFF)
            starts = np.cumsum(request.n_atoms) - request.n_atoms
            strange = np.logical_or.reduceat(~np.isin(request.numbers, self._known), starts)
            for i, problem, unknown in zip(filled, found, strange, strict=True):
                errors[i] = errors[i] or _failed(problem) or (self._unknown(atoms[i]) if unknown else None)
        left = [k for k, i in enumerate(filled) if errors[i] is None]
        return errors, [filled[k] for k in left], request.take(left)

    def _unknown(self, atoms: Atoms) -> StructureFailure:
        unknown = sorted({chemical_symbols[z] for z in atoms.numbers if z not in self._known})
        return StructureFailure("unsupported", f"{self._card.name} was not made for {', '.join(unknown)}")


def _failed(text: str | None) -> StructureFailure | None:
    return None if text is None else StructureFailure("failed", text)
