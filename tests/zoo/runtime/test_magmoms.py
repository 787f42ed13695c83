"""Magnetic moments: asked for, checked as forces are, and refused where a model predicts none."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import PropertyNotImplementedError

from tests.declared import declared
from zoo.errors import WorkerStartError

CU = bulk("Cu", cubic=True)


def test_ase_gets_the_moments() -> None:
    atoms = CU.copy()
    atoms.calc = declared(magmoms=True)
    energy = atoms.get_potential_energy()
    assert "magmoms" not in atoms.calc.results
    assert atoms.get_magnetic_moments().tolist() == [2.9] * 4
    assert atoms.calc.results["magmoms"].shape == (4,)
    assert atoms.calc.results["energy"] == energy
    assert "magmoms" in atoms.calc.implemented_properties
    atoms.rattle(0.01)
    atoms.get_forces()
    assert "magmoms" in atoms.calc.results  # asked for once, they come with every answer
    other = Atoms("Cu2", [[0, 0, 0], [0, 0, 2.3]], cell=[9, 9, 9], pbc=True)
    batch = atoms.calc.compute([CU, other, Atoms()], magmoms=True)
    assert batch.magmoms is not None
    assert [len(each) for each in batch.magmoms] == [4, 2, 0]
    assert atoms.calc.compute([CU]).magmoms is None


def test_a_model_without_them_refuses() -> None:
    for potential, reason in (
        (declared(), "the model predicts no magnetic moments"),
        (declared("o3-3", magmoms=True), "averaging leaves no magnetic moments"),
    ):
        atoms = CU.copy()
        atoms.calc = potential
        with pytest.raises(PropertyNotImplementedError):
            atoms.get_magnetic_moments()
        assert "magmoms" not in potential.implemented_properties
        with pytest.raises(PropertyNotImplementedError, match=reason):
            potential.compute([CU], magmoms=True)
        assert np.isfinite(atoms.get_forces()).all()


@pytest.mark.parametrize(
    ("moments", "reason"),
    [
        ("one too few", "magnetic moments of shape (1,), not (2,)"),
        ("a column", "magnetic moments of shape (2, 1), not (2,)"),
        ("NaN", "not finite"),
        ("complex", "magnetic moments of type complex128, not real numbers"),
    ],
)
def test_malformed_moments_are_the_structures_failure(moments: str, reason: str) -> None:
    two = Atoms("Cu2", [[0, 0, 0], [0, 0, 2.3]], cell=[9, 9, 9], pbc=True)
    potential = declared(magmoms=True, moments=moments)
    batch = potential.compute([two], magmoms=True)
    assert reason in str(batch.errors[0])
    assert batch.magmoms is not None
    assert np.isnan(batch.magmoms[0]).all()
    assert np.isnan(batch.energies).all()
    assert potential.compute([two]).errors == [None]


@pytest.mark.parametrize("facts", [{"pbc": "sometimes"}, {"reads": ["mass"]}, {"reads": "charge"}, {"magmoms": 1}])
def test_facts_that_nobody_understands_are_refused_when_the_model_is_loaded(facts: dict[str, object]) -> None:
    with pytest.raises((WorkerStartError, ValueError, RuntimeError)):
        declared(**facts)
