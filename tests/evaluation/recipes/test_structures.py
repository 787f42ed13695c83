"""Structures for a teacher: seeded, neutral, and none that the evaluations use."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from evaluation.recipes import structures
from evaluation.recipes.reserved import VOLUME_MARGIN, Reserved, reserved
from evaluation.reference.holdout import reduced_formula

ELEMENTS = ("Li", "Na", "K", "Mg", "Ca", "Zn", "Al", "Ga", "Si", "Ge", "O", "S", "F", "Cl", "N", "P", "Cu", "Ti", "Sr")
VOLUMES = dict.fromkeys(ELEMENTS, 15.0)
NOTHING = Reserved(formulas=frozenset(), volumes={})


def _drawn(n: int, held: Reserved = NOTHING, seed: int = 0) -> list[Atoms]:
    rng = np.random.default_rng(seed)
    return structures.compounds(n, elements=ELEMENTS, volumes=VOLUMES, reserved=held, rng=rng)


def test_the_same_seed_gives_the_same_compounds() -> None:
    assert [a.get_chemical_formula() for a in _drawn(30)] == [a.get_chemical_formula() for a in _drawn(30)]
    assert [a.get_chemical_formula() for a in _drawn(30)] != [a.get_chemical_formula() for a in _drawn(30, seed=1)]


def test_compounds_have_the_volume_of_their_elements() -> None:
    for atoms in _drawn(30):
        assert atoms.get_volume() / len(atoms) == pytest.approx(15.0)


def test_no_two_atoms_lie_closer_than_in_the_lattice() -> None:
    for host in (structures.IONIC | structures.ALLOYS).values():
        sites = host.cations + host.anions
        atoms = structures.scaled(
            Atoms(len(sites) * ["Cu"], cell=host.cell, scaled_positions=sites, pbc=True), 15.0 * len(sites)
        )
        distances = (atoms * (2, 2, 2)).get_all_distances(mic=True)
        assert distances[distances > 0].min() > 2.0


@pytest.mark.parametrize(
    ("name", "number"), [("rocksalt", 225), ("zincblende", 216), ("wurtzite", 186), ("caesium chloride", 221)]
)
def test_hosts_of_two_elements_are_the_lattices_that_they_are_called(name: str, number: int) -> None:
    import moyopy

    host = structures.IONIC[name]
    symbols = len(host.cations) * ["Mg"] + len(host.anions) * ["O"]
    atoms = Atoms(symbols, cell=host.cell, scaled_positions=host.cations + host.anions, pbc=True)
    cell = moyopy.Cell(atoms.cell.array.tolist(), atoms.get_scaled_positions().tolist(), atoms.numbers.tolist())
    assert moyopy.MoyoDataset(cell, symprec=1e-4).number == number


def test_a_reserved_formula_is_not_drawn() -> None:
    first = Counter(map(reduced_formula, _drawn(200)))
    held = Reserved(formulas=frozenset(name for name, _ in first.most_common(20)), volumes={})
    assert held.formulas.isdisjoint(map(reduced_formula, _drawn(200, held)))


def test_elements_keep_away_from_reserved_volumes() -> None:
    held = Reserved(formulas=frozenset(), volumes={"Cu": 15.0 * structures.ELEMENT_VOLUMES[1]})
    ratios = {round(a.get_volume() / len(a) / 15.0, 2) for a in structures.unaries(["Cu"], VOLUMES, held)}
    assert ratios == {0.78, 1.1, 1.28}
    copper = bulk("Cu", a=(4 * 13.5) ** (1 / 3))
    assert held.holds(copper)
    assert not held.holds(structures.scaled(copper, 13.5 * (1 + 1.1 * VOLUME_MARGIN)))


def test_equilibrium_is_where_the_pressure_vanishes() -> None:
    copies = structures.at_volumes(bulk("Cu", a=3.6))
    logarithms = np.log([atoms.get_volume() for atoms in copies])
    pressures = -(logarithms - np.log(11.0))
    assert structures.equilibrium(copies, list(pressures)).get_volume() == pytest.approx(11.0)
    assert structures.equilibrium(copies, [3.0, 2.0, 1.0]).get_volume() == pytest.approx(copies[2].get_volume())


def test_a_supercell_has_one_displaced_atom() -> None:
    crystal = bulk("MgO", "rocksalt", a=4.2)
    changed = structures.displaced(crystal, np.random.default_rng(0))
    ideal = crystal * tuple(int(n) for n in np.rint(changed.cell.lengths() / crystal.cell.lengths()))
    moved = np.linalg.norm(changed.positions - ideal.positions, axis=1)
    assert len(changed) == 8
    assert np.count_nonzero(moved) == 1
    assert 0.02 <= moved.max() <= 0.1


def test_a_strained_cell_is_strained_and_rattled_a_little() -> None:
    crystal = bulk("MgO", "rocksalt", a=4.2)
    for seed in range(20):
        changed = structures.strained(crystal, np.random.default_rng(seed))
        assert len(changed) == 4
        assert 0.8 < changed.get_volume() / (2 * crystal.get_volume()) < 1.2


def test_atomic_volumes_are_those_that_crystals_are_made_of() -> None:
    known = {"Na": 30.0, "Cl": 15.0, "Mg": 8.0}
    crystals = []
    for symbols in ("Na", "NaCl", "MgCl2", "NaMgCl3"):
        atoms = Atoms(symbols, cell=[1, 1, 1], pbc=True)
        crystals.append(structures.scaled(atoms, sum(known[symbol] for symbol in atoms.symbols)))
    assert structures.atomic_volumes(crystals) == pytest.approx(known)


@pytest.mark.data
def test_the_evaluations_structures_are_reserved() -> None:
    from evaluation.reference import phonondb
    from evaluation.tasks import elasticity, formation

    held = reserved()
    evaluated = [solid.atoms for solid in phonondb.solids().values()]
    evaluated += [sample.atoms for task in (elasticity.TASK, formation.TASK) for sample in task.samples("full")]
    for atoms in evaluated:
        assert len(set(atoms.symbols)) == 1 or held.holds(atoms)
    from ase.collections import dcdft

    for name in dcdft.names:
        for ratio in (0.94, 1.0, 1.06):
            assert held.holds(structures.scaled(dcdft[name], dcdft[name].get_volume() * ratio))
