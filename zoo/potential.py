"""Potential: what `zoo.load` returns. A calculator for ASE, and batches for everyone else."""

from __future__ import annotations

import copy
import os
import pickle
import threading
from collections.abc import Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from zoo.batch import Batch, Computes
from zoo.batch_size import BatchSize
from zoo.cards.card import Card
from zoo.cards.index import entry_name
from zoo.cards.mode import Dtype, Mode
from zoo.checkpoints.model_files import loaded_sha256
from zoo.errors import StructureError
from zoo.model import Backend, Model
from zoo.runtime import electrons
from zoo.runtime.boundaries import no_stress
from zoo.wrappers import averaged

if TYPE_CHECKING:
    from zoo.torch_sim import TorchSimModel


_PROPERTIES = ("energy", "free_energy", "forces", "stress")


class Reload(Hashable, Protocol):
    """How a potential was loaded, ready to be done again with another mode. It pickles."""

    def __call__(self, mode: Mode, /) -> Potential: ...


@runtime_checkable
class LoadsAlike(Protocol):
    """Of a Reload: loads other entries with the same options."""

    def other(self, entry: str, /, *, device: str) -> Potential: ...


class Potential(Calculator):
    """A checkpoint in a mode, ready to compute.

    Put it on `atoms.calc`, or give `compute` a list of atoms. Its worker starts on first use, is shared by all atoms it
    is put on and by its copies, and ends with the `with` block, `close()`, or the interpreter. Threads share the worker
    and nothing else. It pickles as its entry and options; all that a process has unpickled of them share one worker
    there, and a forked process has one of its own.
    """

    # What changes no answer; ASE would otherwise compute again when only initial magnetic moments changed
    ignored_changes = {"initial_charges", "initial_magmoms"}  # noqa: RUF012

    def __init__(self, backend: Backend, *, card: Card, mode: Mode, reload: Reload | None = None) -> None:
        self._state = _State()
        super().__init__()
        self._reload = reload
        self.card = card
        self.mode = mode
        self._backend = backend
        self._direct = mode.forces == "direct"
        self._model = Model(backend, card, direct=self._direct, batch_size=BatchSize(self._remembered_as))
        self._answers: Computes = averaged(self._model, mode.averaging)
        self._with_magmoms = False

    @property
    def implemented_properties(self) -> list[str]:  # type: ignore[override]  # ASE's is a list of the class
        """ASE's names of what this model computes; magnetic moments once a started model has said so."""
        known = bool(self._backend.info) and self._has_magmoms()
        return [*_PROPERTIES, "magmoms"] if known else list(_PROPERTIES)

    @property
    def atoms(self) -> Atoms | None:
        """The atoms that `results` belong to: this thread's last."""
        return self._state.atoms

    @atoms.setter
    def atoms(self, value: Atoms | None) -> None:
        self._state.atoms = value

    @property
    def results(self) -> dict[str, Any]:
        """ASE's cache of this thread's last calculation."""
        return self._state.results

    @results.setter
    def results(self, value: dict[str, Any]) -> None:
        self._state.results = value

    @property
    def name(self) -> str:
        """The canonical entry name, `card@mode`."""
        return entry_name(self.card, self.mode)

    @property
    def _remembered_as(self) -> str | None:
        """The checkpoint and how it runs, of a potential that was loaded by name."""
        if self._reload is None:
            return None
        return f"{loaded_sha256(self.card.checkpoint)} {self.mode.model_copy(update={'averaging': 'none'})}"

    @property
    def info(self) -> dict[str, Any]:
        """What the model runs in: facts, device, accelerator, python, packages. Starts it."""
        return self._model.info

    @property
    def memory_gb(self) -> float | None:
        """Largest memory that the model has used so far, GB; None before the first call."""
        return self._backend.memory_gb

    @property
    def process_memory_gb(self) -> float | None:
        """Largest resident memory of the model's process so far, GB, an accelerator's apart; None where unknown."""
        return self._backend.process_memory_gb

    @property
    def process_cpu_seconds(self) -> float | None:
        """CPU time of the model's process so far, s; None where unknown."""
        return self._backend.process_cpu_seconds

    @property
    def atoms_per_batch(self) -> int:
        """Atoms that go through the model at once: what is set, else what zoo.batch_size finds.

        It shrinks, and stays so, when memory runs out.
        """
        return self._model.atoms_per_batch

    @atoms_per_batch.setter
    def atoms_per_batch(self, value: int | None) -> None:
        self._model.batch_size.fix(value)

    def compute(self, atoms: Sequence[Atoms] | Atoms, *, magmoms: bool = False) -> Batch:
        """Energies (eV), forces (eV/Å) and stresses (eV/Å³, 3×3) of a list of structures, averaged as the mode says.

        One Atoms is a list of one, and has a batch of one. `magmoms` adds the atoms' magnetic moments (μB), and raises
        ASE's PropertyNotImplementedError where the model predicts none.

        A structure may be a molecule without a cell, or periodic in one or two directions: where the model knows
        crystals only, it is put into a box, and a warning says so once. Its stress has components along periodic
        directions only; see zoo.batch. `atoms.info["charge"]` (e) and `atoms.info["spin"]` (multiplicity 2S + 1) reach
        the models that read them; a warning names what a model ignores.

        A structure that the model cannot do has a StructureFailure in `errors` and NaN for numbers. Raises
        zoo.errors.WorkerError for what is not the structure's fault.
        """
        structures = [atoms] if isinstance(atoms, Atoms) else atoms
        if not magmoms:
            return self._answers.compute(structures)
        if not self._has_magmoms():
            averaged = "averaging leaves" if self._model.predicts_magmoms else "the model predicts"
            raise PropertyNotImplementedError(f"{self.name}: {averaged} no magnetic moments")
        return self._model.compute(structures, magmoms=True)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """ASE's entry. Raises StructureError when the model cannot do these atoms.

        Once magnetic moments have been asked for, they come with every answer.
        """
        super().calculate(atoms, properties, system_changes)
        if self.atoms is None:
            raise StructureError(f"{self.name}: no atoms were given")
        self._with_magmoms = self._with_magmoms or "magmoms" in properties
        batch = self.compute([self.atoms], magmoms=self._with_magmoms)
        if batch.errors[0]:
            raise StructureError(f"{self.name}: {batch.errors[0]}")
        energy = float(batch.energies[0])
        self.results = {"energy": energy, "free_energy": energy, "forces": batch.forces[0]}
        if batch.magmoms is not None:
            self.results["magmoms"] = batch.magmoms[0]
        missing = "the model has no stress" if batch.stresses is None else no_stress(self.atoms, direct=self._direct)
        if batch.stresses is not None and missing is None:
            self.results["stress"] = full_3x3_to_voigt_6_stress(batch.stresses[0])
        elif "stress" in properties:
            raise PropertyNotImplementedError(f"{self.name}: {missing}")

    def get_property(
        self,
        name: str,
        atoms: Atoms | None = None,
        allow_calculation: bool = True,  # noqa: FBT001, FBT002  # ASE's
    ) -> object:
        """ASE's way to any of them; the model says itself whether it predicts magnetic moments, and starts for that."""
        if name == "magmoms" and allow_calculation:
            self._has_magmoms()
        return super().get_property(name, atoms, allow_calculation)

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """What has changed since the last answer; charge and spin are part of the question."""
        changes: list[str] = super().check_state(atoms, tol)
        return changes if self.atoms is None else changes + electrons.differ(self.atoms, atoms)

    def _has_magmoms(self) -> bool:
        return self._answers is self._model and self._model.predicts_magmoms

    def in_other_dtype(self) -> Potential | None:
        """The same entry in the other floating-point type, in a worker of its own; the caller closes it.

        None where the checkpoint runs in one only, or where this potential was not loaded by name.
        """
        return self._changed(dtype=next((dtype for dtype in self.card.dtypes if dtype != self.mode.dtype), None))

    def in_other_head(self) -> Potential | None:
        """The same entry with the checkpoint's other force head, in a worker of its own; the caller closes it.

        None where the checkpoint has one head only, or where this potential was not loaded by name.
        """
        return self._changed(forces=next((head for head in self.card.forces if head != self.mode.forces), None))

    def in_other_modes(self) -> Iterator[tuple[Mode, Potential]]:
        """The entry in each head, level of theory and dtype of its card that is not its own, one change at a time.

        Each is in a worker of its own, which the caller closes; none where this potential was not loaded by name.
        """
        choices = {"forces": self.card.forces, "fidelity": tuple(self.card.fidelities), "dtype": self.card.dtypes}
        for part, has in choices.items():
            for other in has:
                changed = self._changed(**{part: other}) if other != getattr(self.mode, part) else None
                if changed is not None:
                    yield changed.mode, changed

    def beside(self, entry: str) -> Potential | None:
        """Another entry, on this one's device and with as many threads, in a worker of its own; the caller closes it.

        Starts the model, which knows the device. None where this potential was not loaded by name.
        """
        if not isinstance(self._reload, LoadsAlike):
            return None
        return self._reload.other(entry, device=str(self.info["device"]))

    def _changed(self, **change: str | None) -> Potential | None:
        """The entry in a mode that differs in one part; None where there is nothing to change it to."""
        if self._reload is None or None in change.values():
            return None
        return self._reload(self.mode.model_copy(update=change))

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

    def __copy__(self) -> Potential:
        """Over the same worker, with a cache of its own."""
        other = Potential(self._backend, card=self.card, mode=self.mode, reload=self._reload)
        other._model.batch_size = copy.deepcopy(self._model.batch_size)
        other.atoms, other.results = self.atoms, dict(self.results)
        return other

    def __deepcopy__(self, memo: dict[int, object]) -> Potential:
        other = self.__copy__()
        other.atoms, other.results = copy.deepcopy((self.atoms, self.results), memo)
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        if self._reload is None:
            raise pickle.PicklingError(f"{self!r} was not loaded by name, so another process cannot load it")
        return _restored, (self._reload, self.mode, self._model.batch_size, self.atoms, self.results)


class _State(threading.local):
    """What ASE's calculators remember, for each thread: one thread's answer must not become another's."""

    def __init__(self) -> None:
        self.atoms: Atoms | None = None
        self.results: dict[str, Any] = {}


class _Unpickled:
    """The potentials that were unpickled last: a pool's tasks find the worker of those before them."""

    KEPT = 4

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._potentials: dict[tuple[Reload, Mode], Potential] = {}

    def get(self, reload: Reload, mode: Mode) -> Potential:
        with self.lock:
            potential = self._potentials.pop((reload, mode), None) or reload(mode)
            self._potentials[reload, mode] = potential  # to the end: the first goes first
            while len(self._potentials) > self.KEPT:
                del self._potentials[next(iter(self._potentials))]
            return potential

    def after_fork(self) -> None:
        self.lock = threading.RLock()  # the parent's may be held by a thread that the child lacks


_unpickled = _Unpickled()
os.register_at_fork(after_in_child=_unpickled.after_fork)


def _restored(
    reload: Reload, mode: Mode, batch_size: BatchSize, atoms: Atoms | None, results: dict[str, Any]
) -> Potential:
    restored = copy.copy(_unpickled.get(reload, mode))
    restored._model.batch_size = batch_size  # noqa: SLF001
    restored.atoms, restored.results = atoms, results
    return restored
