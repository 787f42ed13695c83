"""Potential: what `zoo.load` returns. A calculator for ASE, and batches for everyone else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from zoo.batch import UNSUPPORTED, Batch
from zoo.card import Card
from zoo.errors import StructureError, WorkerOutOfMemory
from zoo.index import entry_name
from zoo.mode import Dtype, Mode
from zoo.request import Raw, Request

if TYPE_CHECKING:
    from zoo.torch_sim import TorchSimModel

# A CPU gains nothing from batches of more atoms than this (and CHGNet takes 14 GB for 512 atoms of rattled MgO);
# an accelerator is filled until it says no.
ATOMS_PER_BATCH_CPU = 128
ATOMS_PER_BATCH_ACCELERATOR = 32_768


class Backend(Protocol):
    """Where the arithmetic happens: a Worker across a pipe, or a Local model in this process."""

    info: dict[str, Any]
    memory_gb: float | None

    def start(self) -> None: ...

    def compute(self, request: Request) -> Raw: ...

    def close(self) -> None: ...


class Potential(Calculator):
    """A checkpoint in a mode, ready to compute.

    Put it on `atoms.calc`, or give `compute` a list of atoms. Its worker starts on first use, is shared by all atoms it
    is put on, and ends with the `with` block, `close()`, or the interpreter.
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012  # ASE's declarations
    # What changes an answer; ASE would otherwise compute again when only magnetic moments changed
    ignored_changes = {"initial_charges", "initial_magmoms"}  # noqa: RUF012

    def __init__(self, backend: Backend, *, card: Card, mode: Mode) -> None:
        super().__init__()
        self.card = card
        self.mode = mode
        self._backend = backend
        self._known = None if card.elements is None else frozenset(card.elements)
        self._atoms_per_batch: int | None = None

    @property
    def name(self) -> str:
        """The canonical entry name, `card@mode`."""
        return entry_name(self.card, self.mode)

    @property
    def info(self) -> dict[str, Any]:
        """What the model runs in: facts, device, accelerator, python, packages. Starts it."""
        self._backend.start()
        return self._backend.info

    @property
    def memory_gb(self) -> float | None:
        """Largest memory that the model has used so far, GB; None before the first call."""
        return self._backend.memory_gb

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

        A structure that the model cannot do has a text in `errors` and NaN for numbers. Raises zoo.errors.WorkerError
        for what is not the structure's fault.
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
                    raw = self._backend.compute(request.part(done, stop))
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
                    errors[i] = raw.errors[k] or _fault(raw.energies[k], force)
                seconds += raw.seconds
                done = stop
        return Batch(energies, forces, stresses, errors, seconds)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """ASE's entry. Raises StructureError when the model cannot do these atoms."""
        super().calculate(atoms, properties, system_changes)
        if self.atoms is None:
            raise StructureError(f"{self.name}: no atoms were given")
        batch = self.compute([self.atoms])
        if batch.errors[0]:
            raise StructureError(f"{self.name}: {batch.errors[0]}")
        energy = float(batch.energies[0])
        self.results = {"energy": energy, "free_energy": energy, "forces": batch.forces[0]}
        if batch.stresses is not None and self.atoms.pbc.all():
            self.results["stress"] = full_3x3_to_voigt_6_stress(batch.stresses[0])
        elif "stress" in properties:
            raise PropertyNotImplementedError("stress needs a cell that is periodic in all three directions")

    def as_torch_sim(self, *, device: str = "cpu", dtype: Dtype = "float64") -> TorchSimModel:
        """This potential as a torch-sim ModelInterface; `device` and `dtype` are the simulation state's.

        Needs the `evaluation` extra.
        """
        from zoo.torch_sim import TorchSimModel

        return TorchSimModel(self, device=device, dtype=dtype)

    def close(self) -> None:
        """End the worker. A later call starts it again."""
        self._backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Potential {self.name}>"

    def __deepcopy__(self, _: dict[int, object]) -> Self:
        return self  # atoms.copy and ASE's optimisers may copy calculators; a worker is one of a kind

    def _objection(self, atoms: Atoms) -> str | None:
        """Why these atoms need not be sent at all."""
        if len(atoms) == 0:
            return "there are no atoms"
        if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
            return "positions or cell are not finite"
        if atoms.pbc.any() and (atoms.cell.array[atoms.pbc] == 0).all(axis=1).any():
            return "periodic along a cell vector of length zero"
        unknown = [] if self._known is None else sorted(set(atoms.symbols) - self._known)
        if unknown:
            return f"{UNSUPPORTED}{self.card.name} was not made for {', '.join(unknown)}"
        return None

    def _fitting(self, n_atoms: np.ndarray) -> int:
        """How many of the next structures go together; at least one."""
        return max(1, int(np.searchsorted(np.cumsum(n_atoms), self.atoms_per_batch, side="right")))


def _fault(energy: float, forces: np.ndarray) -> str | None:
    return (
        None if np.isfinite(energy) and np.isfinite(forces).all() else "the model returned numbers that are not finite"
    )
