"""The projection of force constants onto what a space group allows, against an independent construction of it."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from symfc import Symfc
from symfc.utils.utils import SymfcAtoms

from evaluation.physics.force_constants import Projector
from evaluation.physics.phonons import PhononCrystal

FCC = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
ONE = np.eye(3)
SKEW = np.array([[3, 0.2, 0], [0, 4.1, 0.3], [0.1, 0, 5.3]])
CRYSTALS = {
    "rocksalt": (bulk("MgO", "rocksalt", a=4.21, cubic=True), 2, FCC),
    "wurtzite": (bulk("ZnO", "wurtzite", a=3.25, c=5.2), 2, ONE),
    # a cell that is not the smallest one: translations within what is displaced
    "not primitive": (bulk("Cu", a=3.61, cubic=True), 2, ONE),
    "no symmetry": (Atoms("LiF", cell=SKEW, scaled_positions=[[0, 0, 0], [0.3, 0.4, 0.2]], pbc=True), 2, ONE),
}


@pytest.mark.parametrize("name", CRYSTALS)
def test_the_projection_is_that_onto_the_basis_of_symfc(name: str) -> None:
    atoms, repeats, primitive = CRYSTALS[name]
    phonon = PhononCrystal(atoms, np.eye(3, dtype=int) * repeats, primitive, 1e-5).with_symmetry
    cell = phonon.supercell
    symfc = Symfc(
        SymfcAtoms(numbers=cell.numbers, cell=cell.cell, scaled_positions=cell.scaled_positions),
        spacegroup_operations=phonon.symmetry.symmetry_operations,
    )
    basis = symfc.compute_basis_set(max_order=2).basis_set[2]
    full = np.random.default_rng(1).normal(size=(len(cell), len(cell), 3, 3))
    inside = basis.blocked_basis_set @ (basis.blocked_basis_set.T @ (basis.compression_matrix.T @ full.ravel()))
    projected = Projector(phonon)(full)
    assert projected == pytest.approx((basis.compression_matrix @ inside).reshape(full.shape), abs=1e-12)
    assert Projector(phonon)(projected) == pytest.approx(projected, abs=1e-12)
    assert np.linalg.norm(projected) > 1e-2
