"""Space-group averaging: exactly symmetric, harmless where nothing is wrong, and the same as averaging over calls."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal

from tests.zoo.reference_model import ReferenceModel
from tests.zoo.wrappers.needs import needs_moyopy
from zoo import example_crystals
from zoo.batch import Batch, StructureFailure
from zoo.cards.mode import Mode
from zoo.wrappers import averaged, space_group_average
from zoo.wrappers.rotation import rotated
from zoo.wrappers.space_group_average import Group, SpaceGroupAverage
from zoo.wrappers.surrogate import Surrogate

pytestmark = needs_moyopy

# rutile's oxygen and corundum have free coordinates: forces that symmetry allows, and must leave
RUTILE = crystal(["Ti", "O"], [(0, 0, 0), (0.31, 0.31, 0)], spacegroup=136, cellpar=[4.6, 4.6, 2.96, 90, 90, 90])
CORUNDUM = crystal(
    ["Al", "O"], [(0, 0, 0.35), (0.31, 0, 0.25)], spacegroup=167, cellpar=[4.76, 4.76, 12.99, 90, 90, 120]
)
CRYSTALS = {
    "rocksalt": example_crystals.ideal("mgo-rocksalt"),
    "diamond, cubic cell": bulk("Si", cubic=True),
    "rutile": RUTILE,
    "corundum": CORUNDUM,
    "wurtzite": bulk("ZnO", "wurtzite", a=3.25, c=5.2),
    "a supercell": RUTILE.repeat((1, 1, 2)),
    "a supercell of lower symmetry": bulk("Cu").repeat((2, 1, 1)),
}
crystalline = pytest.mark.parametrize("atoms", [pytest.param(atoms, id=name) for name, atoms in CRYSTALS.items()])


class Lopsided(ReferenceModel):
    """What it answers depends on the orientation, and nothing else is wrong: the same for any listing of the atoms."""

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        # a lab-frame matrix on forces and stress, and a push in proportion to the atom's own coordination
        skew = np.array([[0.0, 0.3, 0.1], [0.2, 0.0, 0.0], [0.0, 0.4, 0.5]])
        batch = Surrogate(ReferenceModel(), quadrupole=0.2).compute(atoms)
        assert batch.stresses is not None
        pushes = [0.01 * each.numbers[:, None] * np.array([1.0, 2.0, 3.0]) for each in atoms]
        forces = [found @ (np.eye(3) + skew) + push for found, push in zip(batch.forces, pushes, strict=True)]
        return replace(batch, forces=forces, stresses=batch.stresses + skew + skew.T)


@crystalline
def test_an_equivariant_potential_stays_what_it_is(atoms: Atoms) -> None:
    plain, batch = ReferenceModel().compute([atoms]), SpaceGroupAverage(ReferenceModel()).compute([atoms])
    assert batch.energies[0] == plain.energies[0]
    assert abs(batch.forces[0] - plain.forces[0]).max() < 1e-12
    assert batch.stresses is not None
    assert plain.stresses is not None
    assert abs(batch.stresses - plain.stresses).max() < 1e-12
    assert batch.spread is not None
    assert batch.spread.forces[0].max() < 1e-12
    assert batch.calls.tolist() == [Mode(averaging="space-group").cost_force_calls]


@crystalline
def test_the_answer_has_the_crystals_symmetry(atoms: Atoms) -> None:
    raw, batch = Lopsided().compute([atoms]), SpaceGroupAverage(Lopsided()).compute([atoms])
    assert batch.stresses is not None
    assert raw.stresses is not None
    group = Group.of(atoms, symprec=1e-5)
    for matrix, permutation in zip(group.matrices, group.permutations, strict=True):
        assert abs(batch.forces[0][permutation] - batch.forces[0] @ matrix.T).max() < 1e-12
        assert abs(batch.stresses[0] - matrix @ batch.stresses[0] @ matrix.T).max() < 1e-12
    for permutation in group.translations:
        assert abs(batch.forces[0][permutation] - batch.forces[0]).max() < 1e-12
    assert abs(raw.forces[0] - batch.forces[0]).max() > 0.01


def test_forces_vanish_where_symmetry_says_so() -> None:
    batch = SpaceGroupAverage(Lopsided()).compute([CRYSTALS["rocksalt"], CRYSTALS["diamond, cubic cell"]])
    assert max(abs(forces).max() for forces in batch.forces) < 1e-12
    assert batch.stresses is not None
    assert abs(batch.stresses[0] - np.eye(3) * np.trace(batch.stresses[0]) / 3).max() < 1e-12


@crystalline
def test_one_call_is_as_good_as_all_of_them(atoms: Atoms) -> None:
    """The mean over the really rotated copies, atom by atom, is what permutations make of the one answer."""
    matrices = Group.of(atoms, symprec=1e-5).matrices
    copies = Lopsided().compute([rotated(atoms, matrix) for matrix in matrices])
    assert copies.stresses is not None
    forces = np.mean([found @ matrix for found, matrix in zip(copies.forces, matrices, strict=True)], axis=0)
    stress = np.mean([m.T @ found @ m for found, m in zip(copies.stresses, matrices, strict=True)], axis=0)
    batch = SpaceGroupAverage(Lopsided()).compute([atoms])
    assert batch.stresses is not None
    assert abs(batch.forces[0] - forces).max() < 1e-12
    assert abs(batch.stresses[0] - stress).max() < 1e-12
    assert copies.energies == pytest.approx(batch.energies[0], abs=1e-10)


@crystalline
def test_the_spread_is_that_of_the_groups_answers(atoms: Atoms) -> None:
    forces = Lopsided().compute([atoms]).forces[0]
    group = Group.of(atoms, symprec=1e-5)
    answers = []
    for translation in group.translations:
        for matrix, permutation in zip(group.matrices, group.permutations, strict=True):
            answers.append(np.empty_like(forces))
            answers[-1][permutation[translation]] = forces @ matrix.T
    batch = SpaceGroupAverage(Lopsided()).compute([atoms])
    assert batch.forces[0] == pytest.approx(np.mean(answers, axis=0), abs=1e-12)
    assert batch.spread is not None
    spread = np.sqrt(np.var(answers, axis=0).mean(axis=1))
    assert batch.spread.forces[0] == pytest.approx(spread, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "rotations", "translations"),
    [
        ("rocksalt", 48, 1),
        ("diamond, cubic cell", 48, 4),
        ("rutile", 16, 1),
        ("corundum", 12, 3),
        ("wurtzite", 12, 1),
        ("a supercell", 16, 2),
        ("a supercell of lower symmetry", 12, 2),
    ],
)
def test_the_group_is_the_one_in_the_tables(name: str, rotations: int, translations: int) -> None:
    group = Group.of(CRYSTALS[name], symprec=1e-5)
    assert (len(group.matrices), len(group.translations)) == (rotations, translations)


def test_a_crystal_without_symmetry_is_left_alone() -> None:
    atoms = example_crystals.distorted("mgo-rocksalt").repeat((2, 1, 1))
    atoms.rattle(0.05, seed=1)
    raw, batch = Lopsided().compute([atoms]), SpaceGroupAverage(Lopsided()).compute([atoms])
    assert batch.forces[0] == pytest.approx(raw.forces[0], abs=1e-14)


def test_what_has_no_space_group_says_so_and_harms_no_other() -> None:
    slab, twice = RUTILE.copy(), RUTILE.copy()
    slab.pbc = (True, True, False)
    twice.positions[1] = twice.positions[0]
    polonium = bulk("Po", "sc", a=3.4)
    batch = SpaceGroupAverage(ReferenceModel()).compute([slab, twice, polonium, RUTILE])
    assert str(batch.errors[0]) == "a space group needs a crystal that is periodic in all three directions"
    assert str(batch.errors[1]).startswith("no space group was found within 1e-05 Å")
    assert batch.errors[2:] == [StructureFailure("unsupported", "polonium is not supported"), None]
    assert batch.calls.tolist() == [0, 1, 1, 1]
    assert np.isfinite(batch.forces[3]).all()


def test_a_supercell_of_lower_symmetry_is_nothing_to_warn_of(capfd: pytest.CaptureFixture[str]) -> None:
    Group.of(CRYSTALS["a supercell of lower symmetry"], symprec=1e-5)
    assert capfd.readouterr().err == ""
    assert logging.getLogger("moyo").level == logging.NOTSET


def test_without_the_symmetry_finder_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from zoo.errors import ModeError

    monkeypatch.setattr(space_group_average, "find_spec", lambda _: None)
    with pytest.raises(ModeError, match=r"moyopy: pip install 'mlip-zoo\[evaluation\]'"):
        averaged(ReferenceModel(), "space-group")
