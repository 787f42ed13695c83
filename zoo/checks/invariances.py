"""Invariance and equivariance: translation, rotation, inversion, permutation, choice of the cell."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from zoo.batch import Array, Batch
from zoo.checks.bench import Bench
from zoo.checks.difference import difference
from zoo.checks.finding import Finding
from zoo.wrappers.rotation import rotated

if TYPE_CHECKING:
    from ase import Atoms

_SEED = 20240711
_FAR = np.array([1000, -1000, 1000])
"""Lattice vectors to a far image: thousands of Å, where float32 resolves 2e-4 Å and an unwrapped trajectory may end."""


def translation(bench: Bench) -> Finding:
    """The origin doesn't matter: moved by lattice vectors, moved by any vector, and wrapped back into the cell."""
    rng = np.random.default_rng(_SEED)
    by_lattice = [_moved(atoms, np.array([2, -1, 3]) @ atoms.cell.array) for atoms in bench.structures]
    by_vector = [_moved(atoms, rng.uniform(-4, 4, 3)) for atoms in bench.structures]
    wrapped = [atoms.copy() for atoms in by_vector]
    for atoms in wrapped:
        atoms.wrap()
    found = bench.answer(by_lattice + by_vector + wrapped)
    measures = difference(found, _joined([bench.reference] * 3), bounds=bench.bounds)
    return Finding(measures, diagnosis="the answer depends on the origin")


def far_translation(bench: Bench) -> Finding:
    """Nor does a distance of thousands of Å: positions must be wrapped in float64 before anything is rounded."""
    far = [_moved(atoms, _FAR @ atoms.cell.array) for atoms in bench.structures]
    measures = difference(bench.answer(far), bench.reference, bounds=bench.bounds)
    offset = max(float(np.linalg.norm(_FAR @ atoms.cell.array)) for atoms in bench.structures)
    return Finding(
        measures, diagnosis=f"{offset:.0f} Å from the origin precision is lost: looks like positions rounded to float32"
    )


def rotation(bench: Bench) -> Finding:
    """A rotated crystal has the same energy, rotated forces and a rotated stress."""
    rotations = _rotations(len(bench.structures))
    found = bench.answer([rotated(atoms, matrix) for atoms, matrix in zip(bench.structures, rotations, strict=True)])
    measures = difference(found, _covariant(bench.reference, rotations), bounds=bench.bounds)
    unclaimed = "" if bench.rotation == "exact" else "rotation is learned, not built in"
    return Finding(measures, diagnosis="not equivariant under rotation", unclaimed=unclaimed)


def inversion(bench: Bench) -> Finding:
    """So has an inverted crystal, under inversion alone and with a rotation.

    Not every model with exact rotations claims it: SevenNet-0 is built without parity, and 1e-4 eV/Å off.
    """
    n = len(bench.structures)
    improper = [-np.eye(3)] * n + [-matrix for matrix in _rotations(n)]
    found = bench.answer([rotated(atoms, matrix) for atoms, matrix in zip(bench.structures * 2, improper, strict=True)])
    measures = difference(found, _covariant(_joined([bench.reference] * 2), improper), bounds=bench.bounds)
    unclaimed = "" if bench.inversion == "exact" else "equivariance under inversion is not promised"
    return Finding(measures, diagnosis="not equivariant under inversion", unclaimed=unclaimed)


def permutation(bench: Bench) -> Finding:
    """The order in which atoms are listed doesn't matter; forces follow their atoms."""
    rng = np.random.default_rng(_SEED)
    orders = [_derangement(len(atoms), rng) for atoms in bench.structures]
    found = bench.answer([atoms[order] for atoms, order in zip(bench.structures, orders, strict=True)])
    forces = [forces[order] for forces, order in zip(bench.reference.forces, orders, strict=True)]
    measures = difference(found, replace(bench.reference, forces=forces), bounds=bench.bounds)
    return Finding(measures, diagnosis="the answer depends on the order of the atoms")


def extensivity(bench: Bench) -> Finding:
    """Two cells have twice the energy, the same stress, and each atom its force."""
    reference = bench.reference
    found = bench.answer([atoms.repeat((2, 1, 1)) for atoms in bench.structures])
    expected = replace(
        reference, energies=2 * reference.energies, forces=[np.tile(forces, (2, 1)) for forces in reference.forces]
    )
    diagnosis = "two cells are answered differently from one"
    if np.allclose(found.energies, reference.energies, rtol=1e-3):
        diagnosis += ", and have the same energy: looks like energy per atom"
    return Finding(difference(found, expected, bounds=bench.bounds), diagnosis=diagnosis)


def periodicity(bench: Bench) -> Finding:
    """It doesn't matter which periodic image of an atom is listed."""
    moved = [atoms.copy() for atoms in bench.structures]
    for atoms in moved:
        atoms.positions[-1] += np.array([1, -1, 2]) @ atoms.cell.array
    measures = difference(bench.answer(moved), bench.reference, bounds=bench.bounds)
    open_boundaries = [atoms.copy() for atoms in bench.structures]
    for atoms in open_boundaries:
        atoms.pbc = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a model of crystals gets a box
        clusters = bench.ask(open_boundaries)  # a potential may refuse these: only numbers can say something
    ignored = np.array_equal(clusters.energies, bench.reference.energies)
    diagnosis = "the answer depends on which image of an atom is listed"
    return Finding(
        measures,
        diagnosis=f"looks like pbc is ignored: {diagnosis}, and the energy is the same with pbc off"
        if ignored
        else diagnosis,
        note="with pbc off the answer is still the crystal's" if ignored else "",
    )


def choice_of_cell(bench: Bench) -> Finding:
    """It doesn't matter which vectors span the lattice: two of them exchanged (a left-handed cell), or one sheared."""
    bases = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]]), np.array([[1, 0, 0], [1, 1, 0], [0, -1, 1]])
    others = [_spanned(atoms, basis) for basis in bases for atoms in bench.structures]
    found = bench.answer(others)
    measures = difference(found, _joined([bench.reference] * len(bases)), bounds=bench.bounds)
    diagnosis = "the answer depends on which vectors span the lattice"
    exchanged = slice(len(bench.structures))
    if found.stresses is not None and bench.reference.stresses is not None:
        off = [abs(found.stresses[exchanged] - sign * bench.reference.stresses).max() for sign in (1, -1)]
        if off[1] < off[0] / 10:
            diagnosis += ": the stress of a left-handed cell has the wrong sign"
    return Finding(measures, diagnosis=diagnosis)


def _spanned(atoms: Atoms, basis: Array) -> Atoms:
    """The same crystal, in a cell whose vectors are integer combinations of its own."""
    spanned: Atoms = atoms.copy()
    spanned.set_cell(basis @ atoms.cell.array)
    return spanned


def _moved(atoms: Atoms, vector: Array) -> Atoms:
    moved: Atoms = atoms.copy()
    moved.positions += vector
    return moved


def _covariant(batch: Batch, matrices: list[Array]) -> Batch:
    """The answer to rotated structures, from the answer to the structures."""
    forces = [forces @ matrix.T for forces, matrix in zip(batch.forces, matrices, strict=True)]
    if batch.stresses is None:
        return replace(batch, forces=forces)
    stresses = [matrix @ stress @ matrix.T for stress, matrix in zip(batch.stresses, matrices, strict=True)]
    return replace(batch, forces=forces, stresses=np.array(stresses))


def _rotations(n: int) -> list[Array]:
    """Proper rotations without any symmetry, always the same ones."""
    rng = np.random.default_rng(_SEED)
    matrices = [np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(n)]
    return [np.asarray(matrix * np.linalg.det(matrix)) for matrix in matrices]


def _derangement(n: int, rng: np.random.Generator) -> list[int]:
    """A permutation of n that leaves nothing at its place (but for n = 1)."""
    order = rng.permutation(n)
    shifted = np.empty(n, dtype=int)
    shifted[order] = np.roll(order, 1)
    return [int(index) for index in shifted]


def _joined(batches: list[Batch]) -> Batch:
    stresses = [batch.stresses for batch in batches if batch.stresses is not None]
    return Batch(
        energies=np.concatenate([batch.energies for batch in batches]),
        forces=[forces for batch in batches for forces in batch.forces],
        stresses=np.concatenate(stresses) if stresses else None,
        errors=[error for batch in batches for error in batch.errors],
        seconds=0.0,
    )
