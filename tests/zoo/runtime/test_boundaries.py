"""Molecules, wires, layers and slabs: with a model of crystals, the numbers are those of the structure as it is."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.calculators.calculator import PropertyNotImplementedError
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from tests.declared import declared
from zoo.batch import Array, Batch
from zoo.potential import Potential
from zoo.runtime.boundaries import boxed
from zoo.runtime.request import Request
from zoo.wrappers.energy_only import EnergyOnly
from zoo.wrappers.rotation import from_quaternion, rotated

MASK = [True, True, False, False, False, True]
BOX = "ignore:.*is put into a box:UserWarning"
PARTLY = [(False, False, False), (True, False, False), (True, True, False), (False, True, True)]


@pytest.fixture(scope="module")
def crystals_only() -> Potential:
    return declared()


def water() -> Atoms:
    made: Atoms = molecule("H2O")
    made.symbols = "Cu3"
    made.positions *= 2.4
    return made


def layer() -> Atoms:
    """A buckled hexagonal layer, off its lattice constant and strained."""
    made: Atoms = fcc111("Cu", (2, 1, 2), a=3.3, vacuum=7.0)
    assert made.pbc.tolist() == [True, True, False]
    made.set_cell(made.cell.array @ np.diag([1.02, 0.99, 1.0]), scale_atoms=True)
    made.rattle(0.03, seed=1)
    return made


def wire() -> Atoms:
    made = Atoms("Cu2", [[0.0, 0.0, 0.0], [1.2, 0.5, 1.1]], cell=[9.0, 8.0, 2.6], pbc=(False, False, True))
    made.rattle(0.03, seed=2)
    return made


def boxed_by_hand(atoms: Atoms) -> Atoms:
    made: Atoms = atoms.copy()
    for axis in np.flatnonzero(~atoms.pbc):
        made.center(vacuum=15.0, axis=int(axis))
    made.pbc = True
    return made


@pytest.mark.parametrize("pbc", PARTLY)
def test_a_box_keeps_images_out_of_reach(pbc: tuple[bool, bool, bool]) -> None:
    rng = np.random.default_rng(1)
    cell = np.array([[3.0, 0.2, 0.0], [0.5, 4.0, 0.1], [0.3, 0.4, 5.0]]) * np.array(pbc)[:, None]
    given = Request.of([Atoms("C7", rng.normal(scale=4.0, size=(7, 3)), cell=cell, pbc=pbc), bulk("Cu")])
    box = boxed(given, np.array([True, False]), reach=6.0)
    assert box.pbc.all()
    assert np.array_equal(box.cells[1], given.cells[1])
    assert np.array_equal(box.positions[7:], given.positions[7:])
    assert np.array_equal(box.cells[0][list(pbc)], cell[list(pbc)])
    before, after = (positions[:7, None] - positions[None, :7] for positions in (given.positions, box.positions))
    for axis in np.flatnonzero(~np.array(pbc)):
        others = [i for i in range(3) if i != axis]
        normal = np.cross(*box.cells[0][others])
        normal /= np.linalg.norm(normal)
        # whatever whole multiples of the other vectors are added, the height over their plane stays
        assert (abs(box.cells[0][axis] @ normal) - abs(after @ normal)).min() >= 6.0
    near = np.linalg.norm(before, axis=2) < 6.0
    assert np.allclose(before[near], after[near], rtol=0, atol=1e-12)
    assert (np.linalg.norm(after, axis=2)[~near] >= 6.0).all()


def test_empty_space_between_the_parts_of_a_molecule_costs_no_memory() -> None:
    parts = Atoms("Cu4", [[0, 0, 0], [0, 0, 2.3], [3e5, -2e5, 0], [3e5, -2e5, 9e5]])
    box = boxed(Request.of([parts]), np.array([True]), reach=6.0)
    assert abs(np.linalg.det(box.cells[0])) < 30.0**3
    one, two = box.positions[[0, 1]]
    assert np.allclose(two - one, [0, 0, 2.3], rtol=0, atol=1e-12)
    assert np.linalg.norm(box.positions[2:] - one, axis=1).min() > 6.0
    assert np.linalg.norm(box.positions[3] - box.positions[2]) > 6.0


@pytest.mark.parametrize("make", [water, layer, wire])
@pytest.mark.filterwarnings(BOX)
def test_the_answer_is_that_of_a_large_box_and_of_no_box(make: Callable[[], Atoms]) -> None:
    atoms = make()
    far = atoms.copy()
    far.positions += np.where(atoms.pbc, 0.0, 1e3)
    found = declared().compute([atoms, far, bulk("Cu")])
    by_hand = declared().compute([boxed_by_hand(atoms)])
    native = declared(pbc="any").compute([atoms])
    assert found.errors == [None] * 3
    for batch, index in ((by_hand, 0), (native, 0), (found, 1)):
        assert batch.energies[index] == pytest.approx(found.energies[0], abs=1e-10)
        np.testing.assert_allclose(batch.forces[index], found.forces[0], rtol=0, atol=1e-10)


@pytest.mark.parametrize("pbc", ["any", "full"])
@pytest.mark.parametrize("make", [layer, wire])
@pytest.mark.filterwarnings(BOX)
def test_stress_times_volume_is_the_derivative_by_periodic_strain(make: Callable[[], Atoms], pbc: str) -> None:
    potential, atoms = declared(pbc=pbc), make()
    virials = _virials_by_differences(atoms, potential.compute)
    along = np.flatnonzero(atoms.pbc)
    expected = np.zeros((3, 3))
    expected[np.ix_(along, along)] = virials[np.ix_(along, along)]
    wide = atoms.copy()
    for axis in np.flatnonzero(~atoms.pbc):
        wide.center(vacuum=20.0, axis=int(axis))
    batch = potential.compute([atoms, wide])
    assert batch.stresses is not None
    for each, stress in zip((atoms, wide), batch.stresses, strict=True):
        np.testing.assert_allclose(stress * each.get_volume(), expected, rtol=1e-6, atol=1e-6)
    by_energy = EnergyOnly(potential).compute([atoms]).stresses
    assert by_energy is not None
    np.testing.assert_allclose(by_energy[0], batch.stresses[0], rtol=1e-4, atol=1e-6)
    rotation = from_quaternion(np.array([0.3, 0.5, -0.2, 0.7]))
    turned = potential.compute([rotated(atoms, rotation)]).stresses
    assert turned is not None
    np.testing.assert_allclose(turned[0], rotation @ batch.stresses[0] @ rotation.T, rtol=0, atol=1e-10)


def _virials_by_differences(atoms: Atoms, compute: Callable[[list[Atoms]], Batch]) -> Array:
    virials = np.zeros((3, 3))
    step = 1e-4
    for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)):
        energies = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[i, j] += sign * step / 2
            strain[j, i] += sign * step / 2
            strained = atoms.copy()
            strained.set_cell(atoms.cell.array @ strain, scale_atoms=False)
            strained.positions = atoms.positions @ strain
            energies.append(compute([strained]).energies[0])
        virials[i, j] = virials[j, i] = (energies[0] - energies[1]) / (2 * step)
    return virials


@pytest.mark.filterwarnings(BOX)
def test_a_masked_cell_filter_relaxes_a_layer_in_its_plane() -> None:
    atoms = layer()
    height = atoms.cell.lengths()[2]
    atoms.calc = declared()
    relaxed: Any = FrechetCellFilter(atoms, mask=MASK)
    assert BFGS(relaxed, logfile=None).run(fmax=1e-3, steps=300)
    assert atoms.cell.lengths()[2] == pytest.approx(height, abs=1e-9)
    energy = atoms.get_potential_energy()
    for factor in (0.99, 1.01):
        for axes in ([factor, 1, 1], [1, factor, 1]):
            other = atoms.copy()
            other.set_cell(atoms.cell.array @ np.diag(axes), scale_atoms=True)
            other.calc = atoms.calc
            assert other.get_potential_energy() > energy


@pytest.mark.filterwarnings(BOX)
def test_without_a_periodic_direction_or_a_volume_there_is_no_stress() -> None:
    potential, flat = declared(), layer()
    flat.cell[2] = 0.0
    batch = potential.compute([water(), flat, bulk("Cu")])
    assert batch.errors == [None] * 3
    assert np.isfinite(batch.energies).all()
    assert batch.stresses is not None
    assert np.isnan(batch.stresses[:2]).all()
    assert np.isfinite(batch.stresses[2]).all()
    for atoms, reason in (
        (water(), "periodic in no direction"),
        (flat, "the cell has no volume. Give open directions"),
    ):
        atoms.calc = potential
        assert np.isfinite(atoms.get_forces()).all()
        with pytest.raises(PropertyNotImplementedError, match=reason):
            atoms.get_stress()


@pytest.mark.filterwarnings(BOX)
def test_the_stress_of_a_direct_head_belongs_to_no_volume() -> None:
    atoms, potential = layer(), declared("none", "direct")
    batch = potential.compute([atoms, bulk("Cu")])
    assert batch.stresses is not None
    assert np.isnan(batch.stresses[0]).all()
    assert np.isfinite(batch.stresses[1]).all()
    atoms.calc = potential
    with pytest.raises(PropertyNotImplementedError, match="a direct stress belongs to no volume"):
        atoms.get_stress()


@pytest.mark.parametrize(
    ("pbc", "told"), [("full", "knows crystals only"), ("uniform", "knows crystals and molecules only"), ("any", None)]
)
def test_the_box_is_told_once(pbc: str, told: str | None) -> None:
    potential = declared(pbc=pbc)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        for _ in range(3):
            potential.compute([bulk("Cu"), water()])
            potential.compute([layer(), wire()])
    boxes = [each for each in found if each.category is UserWarning]  # not those of ASE's Lennard-Jones
    assert len(boxes) == (told is not None)
    if told:
        assert told in str(boxes[0].message)
        assert boxes[0].filename == __file__


def test_a_molecule_is_asked_without_a_box_where_the_model_knows_molecules() -> None:
    assert declared(pbc="uniform").compute([water()]).errors == [None]


@pytest.mark.parametrize(
    ("make", "change", "reason"),
    [
        (water, lambda a: a.positions.__setitem__((0, 0), 1e300), "longer than 1e"),
        (layer, lambda a: a.positions.__setitem__((0, 2), 1e300), "longer than 1e"),
        (water, lambda a: a.numbers.__setitem__(0, 200), "atomic numbers must be 1 to 118"),
        (layer, lambda a: a.numbers.__setitem__(0, 200), "atomic numbers must be 1 to 118"),
        (water, lambda a: a.positions.__setitem__(0, a.positions[1] + [0, 0, 0.05]), "closer than 0.1"),
        (layer, lambda a: a.positions.__setitem__(0, a.positions[1] + [0, 0, 0.05]), "closer than 0.1"),
        (layer, lambda a: a.set_cell([a.cell[0], a.cell[0], a.cell[2]]), "no volume"),
        (
            lambda: fcc111("Cu", (2, 2, 3), vacuum=8.0),
            lambda a: a.set_cell(a.cell * 0.2, scale_atoms=True),
            "too dense",
        ),
    ],
)
def test_impossible_molecules_and_slabs_have_an_error(
    crystals_only: Potential, make: Callable[[], Atoms], change: Callable[[Atoms], object], reason: str
) -> None:
    atoms = make()
    change(atoms)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no box for what is not computed
        batch = crystals_only.compute([atoms])
    assert reason in str(batch.errors[0])
    assert np.isnan(batch.energies).all()
    assert np.isnan(batch.forces[0]).all()
