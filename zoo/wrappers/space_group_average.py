"""Space-group averaging: forces and stress are averaged over the operations that leave the crystal as it is.

An operation g = {Q|t} of the space group takes atom i of the crystal x to the place of atom g(i), of the same species:
g·x lists the same crystal in another order, in another choice of cell vectors. A model whose answer depends on neither
(which `mlip-zoo check` measures) answers g·x with what it said to x, and needs no further call:

    F'_g(i) = ⟨Q F_i⟩,  σ' = ⟨Q σ Qᵀ⟩,  the mean over all g.

So the average costs one evaluation. It is the mean over the crystal's rotated copies, exactly; the result has the
symmetry of the crystal to rounding, and an equivariant potential's answer does not change. Only in crystals that have
symmetry does it do anything: the rotation error of a general structure stays.

The operations are those found within `symprec` that keep the given cell's lattice. Where atoms are off their symmetric
places by less than that, the forces that would bring them back, of about 10 eV/Å² × symprec, are averaged away.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from zoo.batch import Array, Computes, Counts
from zoo.errors import ModeError, StructureError
from zoo.wrappers.base import Answer, Answers, Deviation, Wrapper

if TYPE_CHECKING:
    from ase import Atoms


class SpaceGroupAverage(Wrapper):
    """The mean over the space group, with the spread over it. Raises ModeError where moyopy is not installed."""

    def __init__(self, model: Computes, *, symprec: float = 1e-5) -> None:
        if find_spec("moyopy") is None:
            raise ModeError(
                "space-group averaging needs the symmetry finder moyopy: pip install 'mlip-zoo[evaluation]'"
            )
        super().__init__(model)
        self._symprec = symprec

    def variants(self, atoms: Atoms) -> list[Atoms]:
        if not atoms.pbc.all():
            raise StructureError("a space group needs a crystal that is periodic in all three directions")
        return [atoms]

    def combine(self, atoms: Atoms, answers: Answers) -> Answer:
        group = Group.of(atoms, symprec=self._symprec)
        forces = group.mean_forces(answers.forces[0])
        squares = ((answers.forces[0] - forces) ** 2).mean(axis=1)
        stress = deviation = None
        if answers.stresses is not None:
            stress = group.mean_stress(answers.stresses[0])
            deviation = float(np.sqrt(((answers.stresses[0] - stress) ** 2).mean()))
        return Answer(
            energy=float(answers.energies[0]),
            forces=forces,
            stress=stress,
            # no operation changes the mean, so what an atom's forces are off it is the mean over the atom's orbit
            deviation=Deviation(energy_per_atom=0.0, forces=np.sqrt(group.mean_scalars(squares)), stress=deviation),
        )


@dataclass(frozen=True)
class Group:
    """A crystal's space group as what it does to n atoms: every operation is a translation, then one of m others."""

    matrices: Array
    """(m, 3, 3): the m different rotations, Cartesian, orthogonal."""
    permutations: Counts
    """(m, n): an operation with that rotation takes atom i to the place of atom permutations[·, i]."""
    translations: Counts
    """(t, n): so do the translations, which a cell that is not primitive has."""

    @classmethod
    def of(cls, atoms: Atoms, *, symprec: float) -> Group:
        """Find it, within `symprec` (Å). Raises StructureError where there is none to be found."""
        import moyopy

        # a supercell that is less symmetric than its crystal is nothing to warn of; who set up logging still hears it
        logging.getLogger("moyo").addHandler(logging.NullHandler())
        cell = atoms.cell.array
        scaled = np.linalg.solve(cell.T, atoms.positions.T).T
        crystal = moyopy.Cell(basis=cell.tolist(), positions=scaled.tolist(), numbers=atoms.numbers.tolist())
        try:
            found = moyopy.MoyoDataset(crystal, symprec=symprec).operations
        except ValueError as error:
            raise StructureError(f"no space group was found within {symprec:g} Å: {error}") from error
        rotations, shifts = np.array(found.rotations), np.array(found.translations)
        _, first = np.unique(rotations, axis=0, return_index=True)
        pure = (rotations == np.eye(3, dtype=int)).all(axis=(1, 2))
        matrices = cell.T @ rotations[first] @ np.linalg.inv(cell.T)
        left, _, right = np.linalg.svd(matrices)  # orthogonal, also where the lattice is not quite symmetric
        return cls(
            matrices=left @ right,
            permutations=_permutations(atoms.numbers, scaled, rotations[first], shifts[first]),
            translations=_permutations(atoms.numbers, scaled, rotations[pure], shifts[pure]),
        )

    def mean_forces(self, forces: Array) -> Array:
        """The mean (n, 3) over the group."""
        forces = _mean(np.broadcast_to(forces, (len(self.translations), *forces.shape)), self.translations)
        return _mean(forces @ self.matrices.transpose(0, 2, 1), self.permutations)

    def mean_scalars(self, values: Array) -> Array:
        """The mean (n,) of a number per atom."""
        values = _mean(np.broadcast_to(values, self.translations.shape), self.translations)
        return _mean(np.broadcast_to(values, self.permutations.shape), self.permutations)

    def mean_stress(self, stress: Array) -> Array:
        """The mean (3, 3)."""
        mean: Array = (self.matrices @ stress @ self.matrices.transpose(0, 2, 1)).mean(axis=0)
        return mean


def _mean(values: Array, permutations: Counts) -> Array:
    """The mean over the first axis of (m, n, …), each atom's value taken to the place of the atom it becomes."""
    moved = np.empty_like(values)
    np.put_along_axis(moved, permutations.reshape(*permutations.shape, *(1,) * (values.ndim - 2)), values, axis=1)
    mean: Array = moved.mean(axis=0)
    return mean


def _permutations(numbers: Counts, scaled: Array, rotations: Counts, shifts: Array) -> Counts:
    """Which atom stands where each operation {rotation|shift}, in scaled coordinates, takes each atom: (m, n)."""
    from scipy.spatial import cKDTree

    images = scaled @ rotations.transpose(0, 2, 1) + shifts[:, None, :]
    _, found = cKDTree(_home(scaled), boxsize=1.0).query(_home(images))
    if (np.sort(found, axis=1) != np.arange(len(numbers))).any() or (numbers[found] != numbers).any():
        raise StructureError("the space group's operations do not take atoms to atoms: are two at one place?")
    return np.asarray(found, dtype=np.int64)


def _home(scaled: Array) -> Array:
    """Scaled coordinates in [0, 1)."""
    home = scaled % 1.0
    return np.where(home < 1.0, home, 0.0)  # -1e-17 % 1.0 is 1.0
