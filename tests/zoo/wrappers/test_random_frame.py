from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.zoo.reference_model import ReferenceModel
from tests.zoo.wrappers.oriented import Oriented
from zoo import example_crystals
from zoo.wrappers.random_frame import RandomFrame
from zoo.wrappers.rotation import random_rotation
from zoo.wrappers.structure_seed import generator

# atoms all around, or their positions would tell the rotation to fewer digits
ATOMS = example_crystals.distorted("mgo-rocksalt").repeat((2, 2, 2))


def test_an_equivariant_potential_stays_what_it_is() -> None:
    plain, batch = ReferenceModel().compute([ATOMS]), RandomFrame(ReferenceModel()).compute([ATOMS])
    assert abs(batch.forces[0] - plain.forces[0]).max() < 1e-12
    assert batch.stresses is not None
    assert plain.stresses is not None
    assert abs(batch.stresses - plain.stresses).max() < 1e-12


def test_the_answer_is_that_of_another_orientation_rotated_back() -> None:
    model = Oriented(ATOMS, degree=2)
    batch = RandomFrame(model, seed=4).compute([ATOMS])
    size = 1 + model.fault(random_rotation(generator(ATOMS, seed=4)))
    assert abs(size - 1 - model.fault(np.eye(3))) > 0.01
    assert batch.energies[0] == pytest.approx(size, abs=1e-12)
    assert batch.forces[0] == pytest.approx(model.forces * size, abs=1e-12)
    assert batch.stresses is not None
    assert batch.stresses[0] == pytest.approx(model.stress * size, abs=1e-12)


def test_content_and_seed_decide_and_nothing_else() -> None:
    def draw(atoms: object, seed: int = 0) -> float:
        return float(generator(atoms, seed=seed).normal())  # type: ignore[arg-type]

    moved, other = ATOMS.copy(), ATOMS.copy()
    moved.positions[3, 2] += 1e-14
    other.numbers[0] += 1
    bounded = ATOMS.copy()
    bounded.pbc = (True, True, False)
    assert draw(ATOMS) == draw(ATOMS[list(range(len(ATOMS)))])
    assert len({draw(ATOMS), draw(moved), draw(other), draw(bounded), draw(ATOMS, seed=1)}) == 5


@given(seed=st.integers(0, 2**32 - 1))
def test_rotations_are_proper(seed: int) -> None:
    matrix = random_rotation(np.random.default_rng(seed))
    assert matrix @ matrix.T == pytest.approx(np.eye(3), abs=1e-14)
    assert np.linalg.det(matrix) == pytest.approx(1, abs=1e-14)


def test_rotations_are_uniform() -> None:
    rng = np.random.default_rng(0)
    matrices = np.array([random_rotation(rng) for _ in range(4000)])
    # over SO(3) the mean of R is zero, of each squared element 1/3, of the squared trace 1
    assert abs(matrices.mean(axis=0)).max() < 0.04
    assert abs((matrices**2).mean(axis=0) - 1 / 3).max() < 0.025
    assert (np.trace(matrices, axis1=1, axis2=2) ** 2).mean() == pytest.approx(1, abs=0.08)
