"""Bench: a potential under test. Every call that a check makes goes through here, with a time limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from zoo.batch import Array, Batch, Computes, StructureFailure
from zoo.cards.card import Card
from zoo.cards.mode import Averaging, Dtype, Forces, Mode
from zoo.checks.bounds import BOUNDS, SLOPE_NOISE
from zoo.checks.caller import Caller
from zoo.checks.finding import Fault, Symmetry
from zoo.checks.force_work import ForceWork, force_work
from zoo.checks.work import VOIGT, Strain, mean_slopes

if TYPE_CHECKING:
    from ase import Atoms


class Bench:
    """The potential, the structures, and what is claimed of it."""

    def __init__(
        self,
        potential: Computes,
        caller: Caller,
        *,
        structures: dict[str, Atoms],
        card: Card | None,
        forces: Forces,
        fidelity: str | None,
        averaging: Averaging,
        rotation: Symmetry,
        inversion: Symmetry,
        dtype: Dtype,
    ) -> None:
        self.potential = potential
        self.caller = caller
        self.names = list(structures)
        self.structures = list(structures.values())
        """Distorted compounds without symmetry; the last one has several atoms of each species."""
        self.cells = self.structures[:-1]
        """Those of two atoms, where many are wanted."""
        self.card = card
        self.forces = forces
        self.fidelity = fidelity
        self.averaging = averaging
        self.rotation = rotation
        self.inversion = inversion
        self.dtype = dtype
        self.bounds = BOUNDS[dtype]
        self.mutations: dict[str, float] = {}
        """What calls did to their input → how much (Å, or 1 where there is no number)."""

    def ask(self, structures: Sequence[Atoms]) -> Batch:
        """The potential's raw answer to copies of the structures."""
        given = [_labelled(atoms) for atoms in structures]
        sent = [_labelled(atoms) for atoms in structures]
        order = list(sent)
        batch = self.caller.run(lambda: self.potential.compute(sent))
        if [id(atoms) for atoms in sent] != [id(atoms) for atoms in order]:
            self.mutations["the list itself"] = 1.0
        self._watch(given, order)
        return batch

    def answer(self, structures: Sequence[Atoms]) -> Batch:
        """The potential's answer, right in shape and finite. Raises Fault where it isn't."""
        return usable(self.ask(structures), structures)

    @cached_property
    def raw(self) -> Batch:
        """The raw answer to `structures`."""
        return self.ask(self.structures)

    @cached_property
    def reference(self) -> Batch:
        """The answer to `structures`; raises Fault where it is not usable."""
        return usable(self.raw, self.structures)

    @cached_property
    def facts(self) -> Mapping[str, object] | None:
        """What the loaded model says of itself; None where the potential was not loaded by name. Starts it."""
        if not hasattr(type(self.potential), "info"):
            return None
        info = self.caller.run(lambda: getattr(self.potential, "info"))  # noqa: B009  # not of every potential
        facts = info.get("facts", {})
        return facts if isinstance(facts, Mapping) else {}

    @property
    def mode(self) -> Mode:
        """The mode that is under test, as far as it is told."""
        return Mode(forces=self.forces, fidelity=self.fidelity, averaging=self.averaging, dtype=self.dtype)

    @property
    def jumps(self) -> bool:
        """Whether the card admits that the energy jumps where a neighbour crosses the cutoff."""
        return self.card is not None and self.card.cutoff_crossing == "jumps"

    @cached_property
    def force_work(self) -> ForceWork:
        """What forces and energy say of short displacements of `structures`."""
        return force_work(
            self.structures,
            self.reference,
            self.answer,
            noise=self.energy_noise,
            find_jumps=self.forces == "conservative",
        )

    @cached_property
    def strain_work(self) -> tuple[Array, Array]:
        """Stress (n, 6) of `cells` in Voigt order, eV/Å³, averaged over a small strain: as claimed, and from E."""
        paths = [Strain(atoms, component) for atoms in self.cells for component in range(len(VOIGT))]
        volumes = np.array([atoms.get_volume() for atoms in self.cells])[:, None]
        claimed, real = mean_slopes(paths, self.answer)
        return claimed.reshape(-1, len(VOIGT)) / volumes, real.reshape(-1, len(VOIGT)) / volumes

    @property
    def energy_noise(self) -> Array:
        """Rounding of the difference of two energies of each of `structures`, (n,), eV."""
        return np.asarray(SLOPE_NOISE * self.bounds.epsilon * abs(self.reference.energies))

    def slope_noise(self, half: float) -> Array:
        """Rounding of the mean slope of the energy over a path of each of `structures`, (n,), eV per unit of t."""
        return np.asarray(self.energy_noise / (2 * half))

    def _watch(self, given: list[Atoms], sent: list[Atoms]) -> None:
        for before, after in zip(given, sent, strict=True):
            for what, size in _changes(before, after):
                self.mutations[what] = max(size, self.mutations.get(what, 0.0))


def usable(batch: Batch, structures: Sequence[Atoms]) -> Batch:
    """The same batch. Raises Fault naming the first thing that makes it unusable."""
    if fault := misshapen(batch, structures) or failure(batch, structures):
        raise Fault(fault)
    return batch


def misshapen(batch: Batch, structures: Sequence[Atoms]) -> str:
    """What is wrong with the shapes and types of an answer; empty when nothing is."""
    n = len(structures)
    if not isinstance(batch, Batch):
        return f"compute() returned {type(batch).__name__}, not a Batch"
    if len(batch.forces) != n or len(batch.errors) != n:
        return f"{len(batch.forces)} forces and {len(batch.errors)} errors for {n} structures"
    for error in batch.errors:
        if error is not None and not isinstance(error, StructureFailure):
            return f"an error is {type(error).__name__}, a Batch carries StructureFailure or None"
    arrays: dict[str, tuple[Array, tuple[int, ...]]] = {"energies": (batch.energies, (n,))}
    if batch.stresses is not None:
        arrays["stresses"] = (batch.stresses, (n, 3, 3))
    for index, (atoms, forces) in enumerate(zip(structures, batch.forces, strict=True)):
        arrays[f"forces of structure {index}"] = (forces, (len(atoms), 3))
    for what, (array, shape) in arrays.items():
        if np.shape(array) != shape:
            return f"{what} have shape {np.shape(array)}, not {shape}"
        if getattr(array, "dtype", None) != np.float64:
            return f"{what} are {getattr(array, 'dtype', type(array).__name__)}, a Batch carries float64 arrays"
    return ""


def failure(batch: Batch, structures: Sequence[Atoms]) -> str:
    """The first error or number that is not finite in an answer of right shape; empty when there is none."""
    for index, atoms in enumerate(structures):
        which = f"structure {index} ({atoms.get_chemical_formula()}, {len(atoms)} atoms)"
        if (error := batch.errors[index]) is not None:
            return f"{which}: {error}"
        numbers = {"energy": batch.energies[index], "forces": batch.forces[index]}
        if batch.stresses is not None:
            numbers["stress"] = batch.stresses[index]
        if bad := [what for what, array in numbers.items() if not np.isfinite(array).all()]:
            return f"{which}: {' and '.join(bad)} not finite, and no error"
    return ""


def _labelled(atoms: Atoms) -> Atoms:
    """A copy with an array and an entry of `info` that a potential must leave as they are."""
    copy: Atoms = atoms.copy()
    copy.info["label"] = "of the caller"
    copy.set_array("label", np.arange(len(copy)))
    return copy


def _changes(before: Atoms, after: Atoms) -> list[tuple[str, float]]:
    changes = []
    for what in sorted(before.arrays.keys() | after.arrays.keys()):
        old, new = before.arrays.get(what), after.arrays.get(what)
        if old is None or new is None or old.shape != new.shape:
            changes.append((what, 1.0))
        elif not np.array_equal(old, new, equal_nan=True):
            changes.append((what, float(np.nan_to_num(abs(new - old), nan=1.0).max())))
    if not np.array_equal(before.cell.array, after.cell.array):
        changes.append(("cell", float(abs(after.cell.array - before.cell.array).max())))
    if (before.pbc != after.pbc).any():
        changes.append(("pbc", 1.0))
    if before.info != after.info:
        changes.append(("info", 1.0))
    if after.calc is not None:
        changes.append(("calculator", 1.0))
    if after.constraints:
        changes.append(("constraints", 1.0))
    return changes
