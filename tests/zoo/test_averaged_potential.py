"""An averaging mode is part of the potential: same interface, same worker, and ASE does not notice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from tests import toy
from zoo.batch import StructureFailure
from zoo.cards.mode import Mode
from zoo.errors import StructureError
from zoo.potential import Potential


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Potential]:
    with toy.potential(tmp_path_factory.mktemp("toy")) as made:
        yield made


@pytest.fixture(scope="module", params=["o3-3", "random-frame"])
def potential(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Potential]:
    mode = Mode.parse(f"conservative+{request.param}+float64")
    with Potential(toy.worker(tmp_path_factory.mktemp("toy")), card=toy.card(), mode=mode) as made:
        yield made


def rattled() -> Atoms:
    atoms: Atoms = bulk("Cu", a=3.3, cubic=True)
    atoms.rattle(0.05, seed=1)
    return atoms


def test_the_mode_is_in_its_name_and_in_its_cost(potential: Potential) -> None:
    assert potential.name == f"toy@conservative+{potential.mode.averaging}+float64"
    batch = potential.compute([rattled(), bulk("Al")])
    assert batch.calls.tolist() == [potential.mode.cost_force_calls] * 2
    assert (batch.spread is None) == (potential.mode.averaging == "random-frame")


def test_an_equivariant_model_answers_as_without(potential: Potential, plain: Potential) -> None:
    found, expected = potential.compute([rattled()]), plain.compute([rattled()])
    assert found.energies == pytest.approx(expected.energies, abs=1e-11)
    assert found.forces[0] == pytest.approx(expected.forces[0], abs=1e-11)
    assert found.stresses == pytest.approx(expected.stresses, abs=1e-11)


def test_ase_relaxes_atoms_and_cell_with_it(potential: Potential, plain: Potential) -> None:
    relaxed = []
    for calculator in (potential, plain):
        atoms: Atoms = bulk("Cu", a=3.3).repeat((2, 1, 1))
        atoms.rattle(0.05, seed=1)
        atoms.calc = calculator
        assert BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=0.02, steps=60)  # type: ignore[arg-type]  # filters stand for atoms
        relaxed.append(atoms)
    energies = [atoms.get_potential_energy() for atoms in relaxed]
    assert energies[0] == pytest.approx(energies[1], abs=1e-8)
    assert relaxed[0].get_volume() == pytest.approx(relaxed[1].get_volume(), rel=1e-6)


def test_what_a_model_cannot_do_is_told_as_without(potential: Potential) -> None:
    refused, empty = bulk("La", "fcc", a=5.0), Atoms()
    broken = rattled()
    broken.positions[0, 0] = np.nan
    batch = potential.compute([refused, rattled(), empty, broken])
    assert [error and str(error) for error in batch.errors] == [
        "ValueError: lanthanum is refused",
        None,
        "there are no atoms",
        "positions or cell are not finite",
    ]
    assert np.isfinite(batch.forces[1]).all()
    refused.calc = potential
    with pytest.raises(StructureError, match=r"toy@conservative\+.*lanthanum is refused"):
        refused.get_potential_energy()


def test_elements_of_no_claim_stay_unsupported(tmp_path: Path) -> None:
    card = toy.card().model_copy(update={"elements": ("Cu",)})
    with Potential(toy.worker(tmp_path), card=card, mode=Mode.parse("o3-3+float64")) as picky:
        assert picky.compute([bulk("Al")]).errors == [StructureFailure("unsupported", "toy was not made for Al")]
