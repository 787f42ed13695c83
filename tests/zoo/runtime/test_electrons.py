"""Total charge and spin: part of the question where a model reads them, named in a warning where it does not."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from tests import toy
from tests.declared import ADAPTER, declared
from zoo.errors import StructureError
from zoo.potential import Potential

BOTH = {"pbc": "any", "reads": ["charge", "spin"]}


@pytest.fixture(scope="module")
def reads_both() -> Potential:
    return declared(**BOTH)


def dimer(**info: object) -> Atoms:
    return Atoms("Cu2", [[0, 0, 0], [0, 0, 2.3]], info=info)


def told(potential: Potential, atoms: list[Atoms]) -> list[str]:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        potential.compute(atoms)
    return [str(each.message) for each in found if each.category is UserWarning]  # not those of ASE's Lennard-Jones


def test_charge_and_spin_reach_a_model_that_reads_them(reads_both: Potential) -> None:
    asked = [dimer(), dimer(charge=-1), dimer(spin=3), dimer(charge=np.int64(2), spin=2.0), dimer(charge=None)]
    batch = reads_both.compute(asked)
    assert batch.errors == [None] * 5
    np.testing.assert_allclose(batch.energies - batch.energies[0], [0, -1, 0.2, 2.1, 0], rtol=0, atol=1e-12)


def test_they_cross_the_pipe(tmp_path: Path) -> None:
    facts = json.dumps({**BOTH, "magmoms": True})
    mode = {"device": "cpu", "dtype": "float64", "forces": "conservative", "fidelity": facts, "runtime": "eager"}
    worker = toy.worker(tmp_path, adapter=ADAPTER, mode=mode)
    with Potential(worker, card=toy.card(), mode=toy.card().default_mode) as potential:
        batch = potential.compute([dimer(), dimer(charge=-1, spin=2)], magmoms=True)
    assert batch.energies[1] - batch.energies[0] == pytest.approx(-0.9, abs=1e-12)
    assert batch.magmoms is not None
    assert batch.magmoms[1].tolist() == [2.9, 2.9]


def test_a_changed_charge_or_spin_is_another_question_to_ase(reads_both: Potential) -> None:
    atoms = dimer()
    atoms.calc = reads_both
    neutral = atoms.get_potential_energy()
    atoms.info["charge"] = 1
    assert atoms.get_potential_energy() == pytest.approx(neutral + 1)
    atoms.info["spin"] = 4
    assert atoms.get_potential_energy() == pytest.approx(neutral + 1.3)
    atoms.info["comment"] = "changes nothing"
    assert not atoms.calc.calculation_required(atoms, ["energy"])
    del atoms.info["charge"]
    assert atoms.get_potential_energy() == pytest.approx(neutral + 0.3)


def test_averaging_keeps_them(reads_both: Potential) -> None:
    asked = [dimer(charge=2, spin=3)]
    averaged = declared("o3-3", **BOTH).compute(asked)
    assert averaged.energies == pytest.approx(reads_both.compute(asked).energies)


def test_what_a_model_ignores_is_named_once() -> None:
    potential = declared(pbc="any")
    charged = dimer(charge=1)
    assert told(potential, [dimer(), charged]) == [
        "toy ignores atoms.info['charge']: its answers depend on neither charge nor spin"
    ]
    assert told(potential, [charged]) == []
    other = dimer(charge=1, multiplicity=2, total_spin=0)
    other.set_initial_charges([1.0, 0.0])
    assert told(potential, [other]) == [
        "toy ignores atoms.info['multiplicity'], the initial charges: its answers depend on neither charge nor spin"
    ]
    assert told(potential, [other]) == []
    assert told(declared(pbc="any"), [charged]) != []  # once for each potential


def test_a_model_that_reads_some_says_which() -> None:
    assert told(declared(pbc="any", reads=["charge"]), [dimer(charge=1, total_charge=1)]) == [
        "toy ignores atoms.info['total_charge']: it reads atoms.info['charge']"
    ]


def test_a_zero_says_nothing() -> None:
    neutral = dimer(charge=0, total_charge=0.0)
    neutral.set_initial_charges([0.0, 0.0])
    assert told(declared(pbc="any"), [neutral]) == []


@pytest.mark.parametrize(
    "info",
    [
        *({"charge": value} for value in ("two", 0.5, np.nan, 1000, [1, 2], 1j, True)),
        *({"spin": value} for value in (-1, 0.5)),
    ],
)
def test_what_is_no_charge_or_spin_is_that_structures_error(reads_both: Potential, info: dict[str, object]) -> None:
    batch = reads_both.compute([dimer(), dimer(**info)])
    (key,) = info
    assert batch.errors[0] is None
    assert f"atoms.info['{key}'] must be a whole number from" in str(batch.errors[1])
    atoms = dimer(**info)
    atoms.calc = reads_both
    with pytest.raises(StructureError, match="must be a whole number"):
        atoms.get_potential_energy()
