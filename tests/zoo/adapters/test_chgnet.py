"""CHGNet's adapter finds neighbours and derivatives in its own way; the numbers are its package's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule, mx2
from ase.calculators.calculator import PropertyNotImplementedError
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

import zoo
from tests.zoo.altered import altered
from zoo.potential import Potential

pytestmark = pytest.mark.usefixtures("persons_mirror")


@pytest.fixture(scope="module")
def chgnet() -> Iterator[Potential]:
    with zoo.load("chgnet-0.3.0@float64", device="cpu", threads=1) as potential:
        yield potential


# The package's own converter, batching and gradients, one structure after another.
UPSTREAM = """
import importlib.util
import sys

spec = importlib.util.spec_from_file_location("ours", {adapter!r})
ours = sys.modules["ours"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(ours)


def load(files, **mode):
    from pymatgen.core import Lattice, Structure

    model = ours.load(files, **mode)
    network = model.model
    network.graph_converter.set_isolated_atom_response("ignore")
    network.composition_model.fc.register_forward_pre_hook(lambda _, inputs: (inputs[0].to(model.dtype),))

    def compute(structures):
        answers = []
        for s in structures:
            crystal = Structure(Lattice(s.cell), s.numbers, s.positions, coords_are_cartesian=True, to_unit_cell=True)
            found = network.predict_structure(crystal, task="efs")
            answers.append((float(found["e"]) * len(s.numbers), found["f"], found["s"] / 160.21766208))
        return answers

    model.compute = compute
    return model
"""


@pytest.mark.slow
def test_the_numbers_are_the_packages(tmp_path: Path) -> None:
    structures = [
        *(bulk("Cu", a=3.6).repeat((2, 1, 2)), bulk("Fe", a=2.87), bulk("NaCl", "rocksalt", a=5.64)),
        *(bulk("Mg", a=3.2), bulk("GaAs", "zincblende", a=5.65).repeat((1, 2, 2))),
        Atoms("Cu", cell=[2.3, 2.3, 2.3], pbc=True),  # its neighbours are its own images
        Atoms("N2", [[0, 0, 0], [0, 0, 4.4]], cell=[20, 20, 20], pbc=True),  # a bond, and no angle
        Atoms("H", cell=[20, 20, 20], pbc=True),  # no neighbour at all
        molecule("H2O", cell=[15, 15, 15], pbc=True),
    ]
    for seed, atoms in enumerate(structures):
        atoms.rattle(0.05, seed=seed)
    structures[0].positions += 100.0
    entry = "chgnet-0.3.0@float64"
    with altered(entry, UPSTREAM, tmp_path) as upstream, zoo.load(entry, device="cpu", threads=1) as potential:
        found, expected = potential.compute(structures), upstream.compute(structures)
    assert found.errors == expected.errors == [None] * len(structures)
    np.testing.assert_allclose(np.concatenate(found.forces), np.concatenate(expected.forces), rtol=0, atol=1e-11)
    assert found.stresses is not None
    assert expected.stresses is not None
    np.testing.assert_allclose(found.stresses, expected.stresses, rtol=0, atol=1e-12)
    # the package rounds a compound's composition to float32
    np.testing.assert_allclose(found.energies, expected.energies, rtol=1e-7)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*is put into a box:UserWarning")
def test_layers_molecules_and_slabs_are_answered_as_in_a_large_box(chgnet: Potential) -> None:
    layer = mx2("MoS2", a=3.25, thickness=3.1, vacuum=10.0)
    assert layer.pbc.tolist() == [True, True, False]
    layer.calc = chgnet
    relaxed: Any = FrechetCellFilter(layer, mask=[True, True, False, False, False, True])
    assert BFGS(relaxed, logfile=None).run(fmax=0.005, steps=100)
    assert layer.cell.lengths() == pytest.approx([3.194, 3.194, 23.1], abs=2e-3)  # PBE: 3.18 to 3.19 Å
    water, slab = molecule("H2O"), fcc111("Cu", (1, 1, 3), vacuum=8.0)
    given = [layer, water, slab]
    by_hand = [atoms.copy() for atoms in given]
    by_hand[1].center(vacuum=8.0)
    for atoms in by_hand:
        atoms.pbc = True
    found, expected = chgnet.compute(given), chgnet.compute(by_hand)
    np.testing.assert_allclose(found.energies, expected.energies, rtol=0, atol=1e-10)
    np.testing.assert_allclose(np.concatenate(found.forces), np.concatenate(expected.forces), rtol=0, atol=1e-10)
    assert found.stresses is not None
    assert expected.stresses is not None
    np.testing.assert_allclose(found.stresses[2, :2, :2], expected.stresses[2, :2, :2], rtol=0, atol=1e-12)
    assert (found.stresses[2, 2] == 0).all()
    water.calc = chgnet
    with pytest.raises(PropertyNotImplementedError, match="periodic in no direction"):
        water.get_stress()


@pytest.mark.slow
def test_magnetic_moments(chgnet: Potential) -> None:
    iron, nickel_oxide = bulk("Fe", cubic=True), bulk("NiO", "rocksalt", a=4.17)
    for atoms in (iron, nickel_oxide):
        atoms.calc = chgnet
    assert iron.get_magnetic_moments() == pytest.approx([2.513, 2.513], abs=1e-3)
    nickel, oxygen = nickel_oxide.get_magnetic_moments()
    assert nickel > 1.0
    assert oxygen < 0.3
    batch = chgnet.compute([iron, nickel_oxide])
    asked = chgnet.compute([iron, nickel_oxide], magmoms=True)
    assert batch.magmoms is None
    assert (asked.energies == batch.energies).all()
    assert all((one == two).all() for one, two in zip(asked.forces, batch.forces, strict=True))
