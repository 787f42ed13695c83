"""Strains that a group allows, supercells that it saves, and how survival and descents are counted."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from evaluation.metrics import descent, survival
from evaluation.metrics.geometry import Crystal, space_group
from evaluation.physics.symmetry import allowed_strain, displaced_supercells, strained

STRAIN = np.array([[0.03, 0.01, 0.02], [0.01, 0.02, -0.01], [0.02, -0.01, 0.01]])


def crystal(atoms: Atoms) -> Crystal:
    return Crystal(atoms.numbers, atoms.cell.array, atoms.positions)


def test_a_cubic_crystal_allows_only_its_isotropic_part() -> None:
    for atoms in (bulk("Si"), bulk("NaCl", "rocksalt", a=5.6, cubic=True)):
        assert np.allclose(allowed_strain(atoms, STRAIN, symprec=1e-4), 0.02 * np.eye(3), atol=1e-12)


def test_a_hexagonal_crystal_keeps_its_axis() -> None:
    atoms = bulk("Mg")
    allowed = allowed_strain(atoms, STRAIN, symprec=1e-4)
    assert np.allclose(allowed, np.diag([0.025, 0.025, 0.01]), atol=1e-12)
    assert space_group(crystal(strained(atoms, allowed)), 1e-5) == space_group(crystal(atoms), 1e-5)
    assert space_group(crystal(strained(atoms, STRAIN)), 1e-5) != space_group(crystal(atoms), 1e-5)


def test_a_small_distortion_multiplies_the_supercells() -> None:
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    moved = atoms.copy()
    moved.positions += np.random.default_rng(0).normal(0, 1e-4, moved.positions.shape)
    assert displaced_supercells(atoms, symprec=1e-5, distance=0.03) == 2
    assert displaced_supercells(moved, symprec=1e-5, distance=0.03) == 48
    assert displaced_supercells(moved, symprec=1e-2, distance=0.03) == 2


def test_survival_is_a_curve() -> None:
    atoms = bulk("Si", cubic=True)
    longer = atoms.copy()
    longer.set_cell(atoms.cell.array * [1, 1, 1.0001], scale_atoms=True)  # by 5e-4 Å
    symprecs = (1e-5, 1e-4, 1e-3, 1e-2)
    kept = survival.survival(crystal(longer), crystal(atoms), symprecs)
    assert kept == [False, False, True, True]
    assert (survival.share(kept), survival.recovered_symprec(kept, symprecs)) == (0.5, 1e-3)
    assert survival.recovered_symprec([False, None], (1e-5, 1e-4)) is None
    # where the reference itself has no group at a precision, nobody can have kept it
    nothing = Atoms("H2", positions=[(0, 0, 0), (0, 0, 1e-9)], cell=[1] * 3, pbc=True)
    unknown = survival.survival(crystal(nothing), crystal(nothing), (1e-2,))
    assert (unknown, survival.share(unknown)) == ([None], None)
    assert survival.survival(crystal(nothing), crystal(atoms), (1e-2,)) == [False]


def test_descents_are_counted() -> None:
    assert descent.floor([0.5, 0.1, 0.3]) == 0.1
    assert descent.uphill([3.0, 1.0, 1.5, 1.25, 2.0]) == pytest.approx(1.25)
    assert (descent.spread([1.0]), descent.spread([1.0, 4.0, 2.0])) == (None, 3.0)
    assert descent.rms_difference([[3.0, 0.0]], [[0.0, 4.0]]) == pytest.approx(np.sqrt(12.5))
    assert descent.is_limit_cycle([1.0, 0.1, 0.2, 0.1], steps=2)
    assert not descent.is_limit_cycle([1.0, 0.1, 0.2, 0.09], steps=2)
    assert not descent.is_limit_cycle([0.1, 0.2], steps=2)
