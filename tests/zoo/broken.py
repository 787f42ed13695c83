"""Potentials that are broken on purpose, each in one way that real ones have been."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from ase import Atoms

from tests.zoo.reference_model import ReferenceModel, pairs, rounded
from zoo.batch import Array, Batch
from zoo.errors import WorkerDied

Alter = Callable[[Sequence[Atoms], Batch], Batch]
Prepare = Callable[[Atoms], Atoms]


class AltersAnswer(ReferenceModel):
    """Computes well, then changes the answer."""

    def __init__(self, alter: Alter, model: type[ReferenceModel] = ReferenceModel) -> None:
        super().__init__()
        self.alter = alter
        self.model = model()

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        return self.alter(atoms, self.model.compute(atoms))


class OtherInput(ReferenceModel):
    """Computes well, but something else than it was asked."""

    def __init__(self, prepare: Prepare) -> None:
        super().__init__()
        self.prepare = prepare

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        return super().compute([self.prepare(each.copy()) for each in atoms])


class Mutates(ReferenceModel):
    """Computes well, and changes what it was given."""

    def __init__(self, mutate: Callable[[list[Atoms]], object]) -> None:
        super().__init__()
        self.mutate = mutate

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        batch = super().compute(atoms)
        assert isinstance(atoms, list)
        self.mutate(atoms)
        return batch


class AseResults(ReferenceModel):
    """Computes well, but its ASE interface has other results."""

    def __init__(self, alter: Callable[[dict[str, Any]], object]) -> None:
        super().__init__()
        self.alter = alter

    def calculate(self, *args: Any, **kwargs: Any) -> None:
        super().calculate(*args, **kwargs)
        self.alter(self.results)


class StaleCache(ReferenceModel):
    """Its ASE interface doesn't notice that atoms moved."""

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        return [change for change in super().check_state(atoms, tol) if change != "positions"]


class Refuses(ReferenceModel):
    """Computes well, but only when all goes well."""

    def __init__(self, refuse: Callable[[Sequence[Atoms]], None]) -> None:
        super().__init__()
        self.refuse = refuse

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        self.refuse(atoms)
        return super().compute(atoms)


# --- answers --------------------------------------------------------------------------------------------------------


def stress_times(factor: float | Callable[[Atoms], float]) -> Alter:
    def alter(atoms: Sequence[Atoms], batch: Batch) -> Batch:
        factors = np.array([factor(each) if callable(factor) else factor for each in atoms])
        return replace(batch, stresses=stresses(batch) * factors.reshape(-1, 1, 1))

    return alter


def forces_times(factor: float) -> Alter:
    return lambda atoms, batch: replace(batch, forces=[factor * forces for forces in batch.forces])


def stress_order(*order: int) -> Alter:
    """Off-diagonals that came as yz xz xy (3, 4, 5) are read in another order."""

    def alter(atoms: Sequence[Atoms], batch: Batch) -> Batch:
        matrices = stresses(batch)
        voigt = np.stack([matrices[:, i, j] for i, j in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))])
        xx, yy, zz, yz, xz, xy = voigt[[0, 1, 2, *order]]
        return replace(batch, stresses=np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]).transpose(2, 0, 1))

    return alter


def signed_volume(atoms: Sequence[Atoms], batch: Batch) -> Batch:
    """The stress is divided by a triple product, which is negative in a left-handed cell."""
    signs = np.array([np.sign(np.linalg.det(each.cell.array)) for each in atoms])
    return replace(batch, stresses=stresses(batch) * signs[:, None, None])


def shear_doubled(atoms: Sequence[Atoms], batch: Batch) -> Batch:
    return replace(batch, stresses=stresses(batch) * (2 - np.eye(3)))


def noise_on_repeat() -> Alter:
    rng = np.random.default_rng(0)
    return lambda atoms, batch: replace(
        batch, forces=[forces + rng.uniform(-2e-4, 2e-4, forces.shape) for forces in batch.forces]
    )


def nan_above_50_atoms(atoms: Sequence[Atoms], batch: Batch) -> Batch:
    forces = [np.full_like(each, np.nan) if len(each) > 50 else each for each in batch.forces]
    return replace(batch, forces=forces, energies=np.where([len(each) > 50 for each in atoms], np.nan, batch.energies))


def energy_per_atom(atoms: Sequence[Atoms], batch: Batch) -> Batch:
    return replace(batch, energies=batch.energies / [len(each) for each in atoms])


def reversed_order(atoms: Sequence[Atoms], batch: Batch) -> Batch:
    """Right for structures of one size; for others even the shapes are wrong."""
    return replace(batch, energies=batch.energies[::-1], forces=batch.forces[::-1], stresses=stresses(batch)[::-1])


def leaking_padding(atoms: Sequence[Atoms], batch: Batch) -> Batch:
    longest = max((len(each) for each in atoms), default=0)
    return replace(batch, energies=batch.energies + [1e-4 * (longest - len(each)) for each in atoms])


def net_drift(atoms: Sequence[Atoms], batch: Batch) -> Batch:
    return replace(batch, forces=[forces + np.array([0.01, 0.0, 0.0]) for forces in batch.forces])


def jumping(atoms: Sequence[Atoms], batch: Batch) -> Batch:
    """A neighbour within 4 Å counts 1 meV at once: forces are exact, and do not see it."""
    known = [each if np.isfinite(each.positions).all() else Atoms() for each in atoms]
    ends = [np.count_nonzero(np.linalg.norm(pairs(each)[2], axis=1) < 4.0) if len(each) else 0 for each in known]
    return replace(batch, energies=batch.energies + 5e-4 * np.array(ends))


def nan_stress(atoms: Sequence[Atoms], batch: Batch) -> Batch:
    return replace(batch, stresses=np.full_like(stresses(batch), np.nan))


def external_field(atoms: Sequence[Atoms], batch: Batch) -> Batch:
    """Atoms are pulled along z, and the energy knows it: consistent, but the origin matters."""
    return replace(
        batch,
        energies=batch.energies - [0.01 * float(each.positions[:, 2].sum()) for each in atoms],
        forces=[forces + np.array([0.0, 0.0, 0.01]) for forces in batch.forces],
    )


def left_handed(atoms: Sequence[Atoms], batch: Batch) -> Batch:
    """An axial vector among the forces: it rotates with the crystal, and does not change sign under inversion."""
    changed = []
    for each, forces in zip(atoms, batch.forces, strict=True):
        extra = np.zeros_like(forces)
        if np.isfinite(each.positions).all():
            first, _, vectors = pairs(each)
            distances = np.linalg.norm(vectors, axis=1)[:, None]
            near, far = np.zeros_like(forces), np.zeros_like(forces)
            np.add.at(near, first, vectors * np.exp(-distances))
            np.add.at(far, first, vectors * np.exp(-(distances**2)))
            extra = 100 * np.cross(near, far)
        changed.append(forces + extra)
    return replace(batch, forces=changed)


def stresses(batch: Batch) -> Array:
    assert batch.stresses is not None
    return batch.stresses


# --- what is seen ---------------------------------------------------------------------------------------------------


def without_pbc(atoms: Atoms) -> Atoms:
    atoms.pbc = False
    return atoms


def float32_positions(atoms: Atoms) -> Atoms:
    atoms.positions = rounded(atoms.positions)
    return atoms


def sorted_species(atoms: Atoms) -> Atoms:
    atoms.numbers = np.sort(atoms.numbers)
    return atoms


def next_species(atoms: Atoms) -> Atoms:
    """A species table that is off by one: consistent with itself in every way."""
    atoms.numbers = atoms.numbers + 1
    return atoms


def polonium_is_tellurium(atoms: Atoms) -> Atoms:
    atoms.numbers[atoms.numbers == 84] = 52
    return atoms


def nan_is_zero(atoms: Atoms) -> Atoms:
    atoms.positions = np.nan_to_num(atoms.positions)
    return atoms


class Stretched(ReferenceModel):
    """Everything looks 0.2 % longer along x, and forces and stress are exact derivatives of that energy."""

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        stretch = np.diag([1.002, 1.0, 1.0])
        seen = [each.copy() for each in atoms]
        for each in seen:
            each.set_cell(each.cell.array @ stretch)
            each.positions = each.positions @ stretch
        batch = super().compute(seen)
        # E'(x) = E(xA): F' = F Aᵀ and V'σ' = V A⁻ᵀ σ Aᵀ, of which a strain sees the symmetric part
        back = np.linalg.det(stretch) * np.linalg.inv(stretch).T @ stresses(batch) @ stretch.T
        return replace(
            batch,
            forces=[forces @ stretch.T for forces in batch.forces],
            stresses=(back + back.transpose(0, 2, 1)) / 2,
        )


# --- refusals, delays, deaths ---------------------------------------------------------------------------------------


def an_empty_list(atoms: Sequence[Atoms]) -> None:
    if not atoms:
        raise IndexError("list index out of range")


def a_bad_structure(atoms: Sequence[Atoms]) -> None:
    if not all(np.isfinite(each.positions).all() for each in atoms):
        raise ValueError("a position is not finite")


def sleeping(atoms: Sequence[Atoms]) -> None:
    threading.Event().wait()


def sleeping_on_large_systems(atoms: Sequence[Atoms]) -> None:
    if max((len(each) for each in atoms), default=0) > 50:
        sleeping(atoms)


def dying(atoms: Sequence[Atoms]) -> None:
    """What a worker's host does when the worker's process has ended: a real one, with status 9."""
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import os; os._exit(9)"], stdout=subprocess.PIPE)
    answer, _ = process.communicate()
    if not answer:
        raise WorkerDied(f"the worker ended with status {process.returncode}")


def dying_on_large_systems(atoms: Sequence[Atoms]) -> None:
    if max((len(each) for each in atoms), default=0) > 50:
        dying(atoms)


def leaving(atoms: Sequence[Atoms]) -> None:
    raise SystemExit(3)


def hanging_up(atoms: Sequence[Atoms]) -> None:
    raise BrokenPipeError("the pipe broke")


# --- the ASE interface
# ---------------------------------------------------------------------------------------------------


def matrix_stress(results: dict[str, Any]) -> None:
    xx, yy, zz, yz, xz, xy = results["stress"]
    results["stress"] = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def lammps_stress(results: dict[str, Any]) -> None:
    results["stress"] = results["stress"][[0, 1, 2, 5, 4, 3]]


def other_energy(results: dict[str, Any]) -> None:
    results["energy"] += 0.01


def no_free_energy(results: dict[str, Any]) -> None:
    del results["free_energy"]
