"""Controls: the crystals that must break and those that must hold are what the protocol says."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.metrics.geometry import Crystal, space_group
from evaluation.tasks.orientation import TASK

CONTROLS = TASK.protocol.crystals


@pytest.mark.parametrize("name", CONTROLS)
def test_the_space_group_is_the_one_that_is_known(name: str) -> None:
    atoms = CONTROLS[name].built(name)
    found = space_group(Crystal(atoms.numbers, atoms.cell.array, atoms.positions), 1e-5)
    assert found is not None
    assert found.number == CONTROLS[name].space_group
    assert atoms.get_chemical_formula(empirical=True) == _formula(name)


@pytest.mark.parametrize("name", CONTROLS)
def test_the_cell_is_primitive_and_its_conventional_one_a_cube(name: str) -> None:
    control = CONTROLS[name]
    atoms = control.built(name)
    conventional = np.linalg.inv(control.primitive_matrix).T @ atoms.cell.array
    assert conventional == pytest.approx(np.eye(3) * control.a, abs=1e-12)


def test_both_directions_are_asked() -> None:
    breaking = {name for name, control in CONTROLS.items() if control.expected == "breaks"}
    assert breaking == {"Al-bcc", "BaTiO3-perovskite", "KTaO3-perovskite"}
    assert {"MgO-rocksalt", "Si-diamond", "Cu-fcc"} <= set(CONTROLS) - breaking
    assert [name for name, control in CONTROLS.items() if control.cell == "fixed"] == ["KTaO3-perovskite"]


def _formula(name: str) -> str:
    from ase.formula import Formula

    return Formula(name.partition("-")[0]).format("hill")
