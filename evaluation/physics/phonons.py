"""Phonons: displaced supercells of a crystal, and its lattice dynamics from the forces in them.

Two sets of displacements of the same length. The full one moves every atom of the primitive cell by ± along the three
axes of the supercell and uses no symmetry: what its force constants lack of symmetry is the model's. The reduced one
holds only what the crystal's own space group cannot supply (phonopy's default), and so imposes that group: it hides
most of a model's fault and is what everybody computes. A supercell that both want is there once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evaluation.physics.force_constants import Projector, Residuals, residuals

if TYPE_CHECKING:
    from ase import Atoms
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

Array = NDArray[np.float64]
Matrix = NDArray[np.int64]

SAME = 1e-6
"""Å: displacements closer than this are one."""


class NoPrimitiveCell(ValueError):
    """The crystal is no longer periodic in the primitive cell that it should have."""


@dataclass(frozen=True)
class PhononCrystal:
    """A unit cell, its supercell, and which part of it is the primitive cell."""

    atoms: Atoms
    supercell_matrix: Matrix
    """(3, 3), phonopy's."""
    primitive_matrix: Array
    """(3, 3), phonopy's; fractional q points refer to this cell."""
    symprec: float
    """Å: what counts as its symmetry."""

    @cached_property
    def with_symmetry(self) -> Phonopy:
        """phonopy's view of it; takes seconds for 500 atoms, so that it is kept. Raises NoPrimitiveCell."""
        return self._phonopy(symmetry=True)

    @cached_property
    def without_symmetry(self) -> Phonopy:
        """The same, blind to its space group. Raises NoPrimitiveCell."""
        return self._phonopy(symmetry=False)

    def _phonopy(self, *, symmetry: bool) -> Phonopy:
        from phonopy import Phonopy

        try:
            return Phonopy(
                phonopy_atoms(self.atoms),
                self.supercell_matrix,
                primitive_matrix=self.primitive_matrix,
                symprec=self.symprec,
                is_symmetry=symmetry,
            )
        except RuntimeError as error:  # phonopy's for a cell that does not fold
            raise NoPrimitiveCell(
                f"the cell has lost the lattice translations of its primitive cell at symprec {self.symprec:g} Å: "
                f"{str(error).splitlines()[0]}"
            ) from None


@dataclass(frozen=True)
class Displacements:
    """Which atom of the supercell moves where, in the full and in the reduced set."""

    atoms: tuple[int, ...]
    """Per supercell: the displaced atom."""
    vectors: Array
    """(n, 3), Å."""
    full: tuple[int, ...]
    """Rows of the full set."""
    reduced: tuple[int, ...]
    """Rows of the reduced set."""


def displacements(crystal: PhononCrystal, *, distance: float) -> Displacements:
    """Both sets for displacements of length `distance`, Å, along axes of the supercell.

    Raises NoPrimitiveCell when the cell has lost the lattice translations of its primitive cell.
    """
    rows: list[tuple[int, Array]] = []
    full = rows_of(crystal.without_symmetry, distance, rows, plus_minus=True)
    reduced = rows_of(crystal.with_symmetry, distance, rows, plus_minus="auto")
    return Displacements(
        atoms=tuple(atom for atom, _ in rows), vectors=np.array([v for _, v in rows]), full=full, reduced=reduced
    )


def reduced_displacements(crystal: PhononCrystal, *, distance: float) -> Displacements:
    """The reduced set alone; the full one is empty. Raises NoPrimitiveCell as `displacements` does."""
    rows: list[tuple[int, Array]] = []
    reduced = rows_of(crystal.with_symmetry, distance, rows, plus_minus="auto")
    return Displacements(
        atoms=tuple(atom for atom, _ in rows), vectors=np.array([v for _, v in rows]), full=(), reduced=reduced
    )


def full_displacements(crystal: PhononCrystal, *, distance: float) -> Displacements:
    """The full set alone: the reduced one is empty, and no symmetry is looked for. Raises NoPrimitiveCell likewise."""
    rows: list[tuple[int, Array]] = []
    full = rows_of(crystal.without_symmetry, distance, rows, plus_minus=True)
    return Displacements(
        atoms=tuple(atom for atom, _ in rows), vectors=np.array([v for _, v in rows]), full=full, reduced=()
    )


def supercells(crystal: PhononCrystal, moved: Displacements) -> list[Atoms]:
    """The undisplaced supercell, then one for each row of `moved`."""
    from phonopy.structure.cells import get_supercell

    perfect = ase_atoms(get_supercell(phonopy_atoms(crystal.atoms), crystal.supercell_matrix))
    made = [perfect]
    for atom, vector in zip(moved.atoms, moved.vectors, strict=True):
        displaced = perfect.copy()
        displaced.positions[atom] += vector
        made.append(displaced)
    return made


@dataclass(frozen=True)
class Dynamics:
    """What the forces say about a crystal's vibrations."""

    frequencies: Array
    """(n_q, n_modes), THz, imaginary ones negative: reduced set, symmetrised."""
    full: Residuals
    """Of the full set, nothing symmetrised."""
    reduced: Residuals
    """Of the reduced set, before it is symmetrised: what the usual workflow would show."""
    equilibrium_force: float
    """Largest force component in the undisplaced supercell, eV/Å."""


def dynamics(crystal: PhononCrystal, moved: Displacements, forces: Array, *, qpoints: Array) -> Dynamics:
    """Lattice dynamics from `forces` (n + 1, n_atoms, 3), eV/Å, of `supercells`, at `qpoints` (n_q, 3), fractional.

    Nothing is taken out of the forces: neither their mean nor those of the undisplaced supercell, which ± removes where
    a set holds both signs.
    """
    plain, symmetric = crystal.without_symmetry, crystal.with_symmetry
    full = force_constants(plain, moved, moved.full, forces[1:])
    reduced = force_constants(symmetric, moved, moved.reduced, forces[1:])
    projector = Projector(symmetric)
    figures = [residuals(plain, constants, projector(constants)) for constants in (full, reduced)]
    return Dynamics(
        frequencies=_frequencies(symmetric, reduced, qpoints),
        full=figures[0],
        reduced=figures[1],
        equilibrium_force=float(np.abs(forces[0]).max()),
    )


def full_set_frequencies(crystal: PhononCrystal, moved: Displacements, forces: Array, *, qpoints: Array) -> Array:
    """Frequencies (n_q, n_modes), THz, imaginary ones negative, from the full set, blind to the space group.

    `forces` as in `dynamics`. Both sum rules and index permutation are imposed, so that acoustic modes vanish at Γ;
    what the forces lack of the crystal's own symmetry is left.
    """
    plain = crystal.without_symmetry
    return _frequencies(plain, force_constants(plain, moved, moved.full, forces[1:]), qpoints)


def reduced_set_frequencies(crystal: PhononCrystal, moved: Displacements, forces: Array, *, qpoints: Array) -> Array:
    """Frequencies (n_q, n_modes), THz, imaginary ones negative, as those of `dynamics`, and nothing else.

    `forces` (n, n_atoms, 3), eV/Å: of the displaced supercells alone.
    """
    symmetric = crystal.with_symmetry
    return _frequencies(symmetric, force_constants(symmetric, moved, moved.reduced, forces), qpoints)


def _frequencies(phonon: Phonopy, constants: Array, qpoints: Array) -> Array:
    """Of force constants that are symmetrised first: both sum rules and index permutation."""
    phonon.force_constants = constants
    phonon.symmetrize_force_constants(show_drift=False)
    return np.array(phonon.run_qpoints(qpoints).frequencies)


def commensurate(crystal: PhononCrystal) -> Array:
    """q points (n, 3), fractional, whose waves fit into the supercell, Γ first: as many as it has primitive cells.

    There, and there only, frequencies from displaced supercells are exact, however far the forces reach.
    """
    from phonopy.harmonic.dynmat_to_fc import get_commensurate_points

    primitive = np.linalg.inv(crystal.primitive_matrix) @ crystal.supercell_matrix
    points = np.array(get_commensurate_points(np.rint(primitive).astype(int)))
    return points[np.argsort(np.abs(points).max(axis=1) > SAME, kind="stable")]


def mesh(crystal: PhononCrystal, divisions: tuple[int, int, int]) -> tuple[Array, Array]:
    """Irreducible q points (n_q, 3), fractional, and weights (n_q,) of a Γ-centred mesh of the primitive cell."""
    from spglib import get_ir_reciprocal_mesh

    primitive = crystal.with_symmetry.primitive
    cell = (primitive.cell.tolist(), primitive.scaled_positions.tolist(), primitive.numbers.tolist())
    found = get_ir_reciprocal_mesh(divisions, cell, symprec=crystal.symprec)
    if found is None:
        raise NoPrimitiveCell(f"spglib finds no mesh for the primitive cell at symprec {crystal.symprec:g} Å")
    irreducible, weights = np.unique(found[0], return_counts=True)
    return found[1][irreducible] / np.array(divisions), weights.astype(float)


def rows_of(
    phonon: Phonopy, distance: float, rows: list[tuple[int, Array]], *, plus_minus: bool | str
) -> tuple[int, ...]:
    """Where phonopy's displacements of length `distance`, Å, along axes stand in `rows`; those that it lacks are added.

    `plus_minus`: True, both signs; False, one of them; "auto", the other one where symmetry does not give it.
    """
    phonon.generate_displacements(distance, is_plusminus=plus_minus, is_diagonal=False)  # type: ignore[arg-type]
    found = []
    for atom, *vector in phonon.displacements:
        new = (int(atom), np.array(vector))
        known = (i for i, (a, v) in enumerate(rows) if a == new[0] and np.abs(v - new[1]).max() < SAME)
        found.append(next(known, len(rows)))
        if found[-1] == len(rows):
            rows.append(new)
    return tuple(found)


def force_constants(phonon: Phonopy, moved: Displacements, rows: tuple[int, ...], forces: Array) -> Array:
    """Full force constants (n, n, 3, 3), eV/Å², of `rows` of `moved`, whose forces (n_rows, n, 3) are in eV/Å.

    `phonon` fills in by its symmetry what was not displaced.
    """
    from phonopy.harmonic.force_constants import compact_fc_to_full_fc

    phonon.dataset = {
        "natom": len(phonon.supercell),
        "first_atoms": [
            {"number": moved.atoms[row], "displacement": moved.vectors[row], "forces": forces[row]} for row in rows
        ],
    }
    phonon.produce_force_constants(calculate_full_force_constants=False)
    return np.array(compact_fc_to_full_fc(phonon.primitive, np.asarray(phonon.force_constants)))


def phonopy_atoms(atoms: Atoms) -> PhonopyAtoms:
    """A crystal as phonopy has it."""
    from phonopy.structure.atoms import PhonopyAtoms

    return PhonopyAtoms(numbers=atoms.numbers, cell=atoms.cell.array, scaled_positions=atoms.get_scaled_positions())


def ase_atoms(cell: PhonopyAtoms) -> Atoms:
    """A crystal as ASE has it."""
    from ase import Atoms

    return Atoms(numbers=cell.numbers, cell=cell.cell, scaled_positions=cell.scaled_positions, pbc=True)
