"""Phonons of crystals whose force constants are known, and of forces with faults of known kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.data import atomic_masses
from ase.units import _amu, _e

from evaluation.physics import phonons
from evaluation.physics.phonons import NoPrimitiveCell, PhononCrystal
from tests.evaluation.springs import SHELLS, Springs
from zoo.batch import Batch, Computes
from zoo.wrappers.surrogate import Surrogate

FCC = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
CU = PhononCrystal(bulk("Cu", a=3.61, cubic=True), np.eye(3, dtype=int) * 2, FCC, 1e-5)
MGO = PhononCrystal(bulk("MgO", "rocksalt", a=4.21, cubic=True), np.eye(3, dtype=int) * 2, FCC, 1e-5)
GAMMA, X, L = (0.0, 0.0, 0.0), (0.5, 0.5, 0.0), (0.5, 0.5, 0.5)


def dynamics(potential: Computes, crystal: PhononCrystal = CU) -> phonons.Dynamics:
    moved = phonons.displacements(crystal, distance=0.03)
    forces = np.array(potential.compute(phonons.supercells(crystal, moved)).forces)
    return phonons.dynamics(crystal, moved, forces, qpoints=np.array([GAMMA, X, L]))


def thz(stiffness_over_mass: float) -> float:
    """√(x k/m)/2π of copper's springs."""
    k, m = SHELLS["Cu"][0][1] * _e * 1e20, atomic_masses[29] * _amu
    return float(np.sqrt(stiffness_over_mass * k / m) / (2 * np.pi) / 1e12)


def test_springs_vibrate_as_in_the_textbook() -> None:
    # fcc with springs between nearest neighbours: mω²/k = 4, 4, 8 at X and 2, 2, 8 at L
    found = dynamics(Springs()).frequencies
    assert found[0] == pytest.approx([0, 0, 0], abs=1e-5)
    assert found[1] == pytest.approx([thz(4), thz(4), thz(8)], rel=1e-3)
    assert found[2] == pytest.approx([thz(2), thz(2), thz(8)], rel=1e-3)


def test_both_sets_are_one_stream() -> None:
    moved = phonons.displacements(MGO, distance=0.03)
    assert (len(moved.full), len(moved.reduced), len(moved.atoms)) == (12, 2, 12)  # 2 atoms, ± 3 axes
    assert set(moved.reduced) < set(moved.full)
    perfect, *displaced = phonons.supercells(MGO, moved)
    assert len(displaced) == 12
    for atom, vector, cell in zip(moved.atoms, moved.vectors, displaced, strict=True):
        shift = cell.positions - perfect.positions
        assert shift[atom] == pytest.approx(vector)
        assert np.abs(np.delete(shift, atom, axis=0)).max() == 0
        assert np.linalg.norm(vector) == pytest.approx(0.03)


@pytest.mark.parametrize("crystal", [CU, MGO])
def test_a_sound_potential_has_no_residuals(crystal: PhononCrystal) -> None:
    found = dynamics(Springs(), crystal)
    for of in (found.full, found.reduced):
        # 0.03 Å is not infinitely small: third-order terms of ± remain at 1e-4
        assert of.fc_asymmetry < 1e-3
        assert of.asr_violation < 1e-10
        assert of.space_group_residual < 1e-3
        assert of.degeneracy_splitting is not None
        assert of.degeneracy_splitting < 1e-3
    assert found.equilibrium_force < 1e-10


def test_the_reduced_set_hides_what_the_full_one_shows() -> None:
    broken = dynamics(Surrogate(Springs(), curl=0.3), MGO)
    assert broken.full.fc_asymmetry > 0.01
    assert broken.full.space_group_residual > 0.01
    assert broken.reduced.fc_asymmetry < broken.full.fc_asymmetry / 3


def test_an_asymmetry_is_measured_at_its_size() -> None:
    # λ of the whole Jacobian of the supercell is half of ||Φ - Φᵀ||/||Φ||
    potential, small = Surrogate(Springs(), curl=0.3), PhononCrystal(MGO.atoms, np.eye(3, dtype=int), FCC, 1e-5)
    perfect = MGO.atoms
    assert dynamics(potential, small).full.fc_asymmetry == pytest.approx(2 * potential.asymmetry(perfect), rel=0.02)


def test_a_preferred_direction_splits_levels() -> None:
    class Tilted(Springs):
        def compute(self, atoms: Sequence[Atoms]) -> Batch:
            batch = super().compute(atoms)
            return replace(batch, forces=[f * [1.1, 1.0, 1.0] for f in batch.forces])

    found = dynamics(Tilted())
    assert found.full.degeneracy_splitting is not None
    # levels at X of fcc: 4 k/m along x stretched by 1.1 in the row and, made Hermitian, by 1.05 in the diagonal block
    assert found.full.degeneracy_splitting == pytest.approx(thz(4.4) - thz(4), rel=0.02)
    assert found.full.space_group_residual > 0.02
    assert found.full.asr_violation < 1e-10


def test_a_net_force_violates_the_sum_rule() -> None:
    perfect = phonons.supercells(CU, phonons.displacements(CU, distance=0.03))[0]

    class Drifting(Springs):
        def compute(self, atoms: Sequence[Atoms]) -> Batch:
            batch = super().compute(atoms)
            middles = [(a.positions - perfect.positions).sum(axis=0) for a in atoms]
            return replace(batch, forces=[f - 0.01 * m for f, m in zip(batch.forces, middles, strict=True)])

    found = dynamics(Drifting()).full
    # every atom is pulled back by 0.01 eV/Å² times the displacement: 32 atoms, 32 times that
    assert found.asr_violation == pytest.approx(0.32, rel=1e-3)
    assert found.fc_asymmetry < 1e-3  # the pull is the same whoever moves: symmetric, and a net force still


def test_a_cell_without_its_translations_is_refused() -> None:
    atoms = CU.atoms.copy()
    atoms.positions[0] += 0.01
    with pytest.raises(NoPrimitiveCell, match="lattice translations"):
        phonons.displacements(PhononCrystal(atoms, CU.supercell_matrix, FCC, 1e-5), distance=0.03)


def test_a_cell_with_less_symmetry_needs_more_displacements() -> None:
    strained = CU.atoms.copy()
    strained.set_cell(strained.cell.array @ np.diag([1.0, 1.0, 1.001]), scale_atoms=True)
    counts = [
        len(phonons.reduced_displacements(PhononCrystal(atoms, CU.supercell_matrix, FCC, 1e-5), distance=0.03).reduced)
        for atoms in (CU.atoms, strained)
    ]
    assert counts == [1, 2]


def test_a_mesh_holds_the_whole_zone() -> None:
    qpoints, weights = phonons.mesh(MGO, (5, 5, 5))
    assert weights.sum() == 125
    assert len(qpoints) == len(weights) < 20
    assert np.abs(qpoints).max() <= 0.5


def test_the_full_set_alone_says_the_same_of_a_sound_potential_and_more_of_a_broken_one() -> None:
    primitive = PhononCrystal(
        bulk("MgO", "rocksalt", a=4.21), np.rint(2 * np.linalg.inv(FCC)).astype(int), np.eye(3), 1e-5
    )
    qpoints = phonons.commensurate(primitive)
    spread = []
    for potential in (Springs(), Surrogate(Springs(), quadrupole=0.5)):
        moved = phonons.full_displacements(primitive, distance=0.03)
        assert (len(moved.full), len(moved.atoms), moved.reduced) == (12, 12, ())
        forces = np.array(potential.compute(phonons.supercells(primitive, moved)).forces)
        found = phonons.full_set_frequencies(primitive, moved, forces, qpoints=qpoints)
        assert found[0, :3] == pytest.approx([0, 0, 0], abs=1e-5)  # the sum rules are imposed on both
        both = phonons.displacements(primitive, distance=0.03)
        forces = np.array(potential.compute(phonons.supercells(primitive, both)).forces)
        spread.append(np.abs(found - phonons.dynamics(primitive, both, forces, qpoints=qpoints).frequencies).max())
    assert spread[0] < 1e-3
    assert spread[1] > 0.01


@pytest.mark.parametrize("crystal", [CU, MGO])
def test_commensurate_points_fit_into_the_supercell(crystal: PhononCrystal) -> None:
    points = phonons.commensurate(crystal)
    assert len(points) == 32
    assert points[0].tolist() == [0, 0, 0]
    primitive = crystal.primitive_matrix.T @ crystal.atoms.cell.array
    waves = points @ np.linalg.inv(primitive).T  # 1/Å
    supercell = crystal.supercell_matrix.T @ crystal.atoms.cell.array
    turns = waves @ supercell.T
    assert turns == pytest.approx(np.rint(turns), abs=1e-9)
    assert len(np.unique(np.round(points % 1, 6), axis=0)) == 32
