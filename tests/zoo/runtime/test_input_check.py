"""What makes a structure impossible is found before a model is asked, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc111, molecule
from ase.data import chemical_symbols, covalent_radii

from tests import toy
from zoo import example_crystals
from zoo.runtime.input_check import CLOSEST, problems
from zoo.runtime.request import Request


def changed(change: Callable[[Atoms], object]) -> Atoms:
    atoms = bulk("MgO", "rocksalt", a=4.2, cubic=True)
    change(atoms)
    return atoms


def moved(atoms: Atoms, index: int, place: object) -> None:
    atoms.positions[index] = place


IMPOSSIBLE = {
    "position 1e300": (changed(lambda a: moved(a, 0, 1e300)), "longer than 1e+06 Å"),
    "position NaN": (changed(lambda a: moved(a, 0, np.nan)), "not finite"),
    "cell 1e300": (changed(lambda a: a.set_cell(a.cell.array * 1e300)), "longer than 1e+06 Å"),
    "cell inf": (changed(lambda a: a.set_cell(a.cell.array + np.inf)), "not finite"),
    "Z = 0": (changed(lambda a: a.set_atomic_numbers([0] * 8)), "atomic numbers must be 1 to 118"),
    "Z = 200": (changed(lambda a: a.set_atomic_numbers([200] * 8)), "atomic numbers must be 1 to 118"),
    "no cell": (changed(lambda a: a.set_cell(np.zeros((3, 3)))), "length zero"),
    "flat cell": (changed(lambda a: a.set_cell([[4, 0, 0], [0, 4, 0], [4, 4, 0]])), "no volume"),
    "flat layer": (
        changed(lambda a: (a.set_pbc([1, 1, 0]), a.set_cell([[4, 0, 0], [8, 0, 0], [0, 0, 9]]))),
        "no volume",
    ),
    "one place": (changed(lambda a: moved(a, 1, a.positions[0])), "closer than 0.1 Å"),
    "0.05 Å": (changed(lambda a: moved(a, 1, a.positions[0] + [0.05, 0, 0])), "closer than 0.1 Å"),
    "0.05 Å across a corner": (changed(lambda a: moved(a, 1, [4.18, 4.18, 4.16])), "closer than 0.1 Å"),
    "0.05 Å, another cell's": (changed(lambda a: moved(a, 1, [84.05, -42.0, 4.2e3])), "closer than 0.1 Å"),
    "molecule": (Atoms("H2", positions=[[0, 0, 0], [0, 0, 0.05]]), "closer than 0.1 Å"),
    "thin cell": (Atoms("He", cell=[3, 3, 0.15], pbc=True), "thinner than 0.2 Å"),
    "MgO × 0.2": (
        changed(lambda a: a.set_cell(a.cell.array * 0.2, scale_atoms=True)),
        "too dense: about 12212 neighbours per atom within the model's cutoff of 6 Å",
    ),
    "all atoms in 1 Å": (
        Atoms("H7" * 3000, positions=np.random.default_rng(0).uniform(0, 4, (21000, 3))),
        "",
    ),
}
POSSIBLE = {
    **{name: example_crystals.distorted(name) for name in example_crystals.names()},
    "H2 at 0.9 covalent radii": Atoms("H2", positions=[[0, 0, 0], [0, 0, 0.9 * 0.31]], cell=[20] * 3, pbc=True),
    "atom": Atoms("He"),
    "molecule": molecule("C6H6"),
    "wire": Atoms("Cu", cell=[0, 0, 2.5], pbc=[0, 0, 1]),
    "left-handed": changed(lambda a: a.set_cell(a.cell.array[[1, 0, 2]])),
    "oblique": changed(lambda a: a.set_cell(a.cell.array @ [[1, 0, 0], [40, 1, 0], [-300, 7, 1]])),
    "diamond at a third of its volume": bulk("C", "diamond", a=3.57 * 3 ** (-1 / 3)),
    "far away": changed(lambda a: a.translate([1e5, -1e5, 0])),
    "apart by 0.11 Å": Atoms("H2", positions=[[0, 0, 0], [0, 0, CLOSEST * 1.1]]),
}


def found(atoms: Atoms) -> str | None:
    return problems(Request.of([atoms]), cutoff=6.0)[0]


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_impossible(name: str) -> None:
    atoms, says = IMPOSSIBLE[name]
    assert says in str(found(atoms))
    assert found(atoms)


def test_possible_structures_pass_together_and_alone() -> None:
    assert {name: found(atoms) for name, atoms in POSSIBLE.items()} == dict.fromkeys(POSSIBLE)
    assert problems(Request.of(list(POSSIBLE.values())), cutoff=6.0) == [None] * len(POSSIBLE)
    assert found(POSSIBLE["diamond at a third of its volume"]) is None
    assert problems(Request.of([POSSIBLE["diamond at a third of its volume"]]), cutoff=12.0) == [None]


def test_slabs_and_adsorbates_pass() -> None:
    slab = fcc111("Cu", (2, 2, 3), vacuum=10.0)
    add_adsorbate(slab, molecule("CO"), 1.8, "ontop")
    assert found(slab) is None


def test_every_pair_of_the_diatomics_task_passes() -> None:
    pairs = [
        Atoms([z, z], positions=[[0, 0, 0], [0, 0, 0.9 * covalent_radii[z]]], cell=[30] * 3, pbc=True)
        for z in range(1, len(chemical_symbols))
        if z < 119 and covalent_radii[z] > 0.2
    ]
    assert set(problems(Request.of(pairs), cutoff=6.0)) == {None}


def test_each_structure_has_its_own_verdict() -> None:
    mixed = [
        atoms for pair in zip([a for a, _ in IMPOSSIBLE.values()], POSSIBLE.values(), strict=False) for atoms in pair
    ]
    together = problems(Request.of(mixed), cutoff=6.0)
    assert together == [found(atoms) for atoms in mixed]
    assert all(together[::2])
    assert not any(together[1::2])


def test_crowding_agrees_with_the_distances_of_ase() -> None:
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(200):
        cell = rng.uniform(-1.5, 1.5, (3, 3)) + np.diag(rng.uniform(0.5, 2.0, 3))
        if abs(np.linalg.det(cell)) < 0.5:
            continue
        atoms = Atoms("He3", cell=cell, pbc=rng.random(3) < 0.7, positions=rng.uniform(-3, 3, (3, 3)))
        atoms.positions[1] = atoms.positions[0] + rng.normal(0, 0.06, 3) + rng.integers(-2, 3, 3) * atoms.pbc @ cell
        close = atoms.get_all_distances(mic=True)[np.triu_indices(3, 1)].min() < CLOSEST
        seen.add(bool(close))
        assert (found(atoms) == "two atoms are closer than 0.1 Å") == close
    assert seen == {True, False}


def test_the_model_is_not_asked(tmp_path: Path) -> None:
    with toy.potential(tmp_path) as potential:
        batch = potential.compute([atoms for atoms, _ in IMPOSSIBLE.values()])
        assert all(batch.errors)
        assert potential._backend._process is None  # type: ignore[attr-defined]
        assert len(potential.compute([])) == 0
