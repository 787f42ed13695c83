"""O(3) averaging is exact up to its degree, and for no more."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import lebedev_rule

from tests.zoo.reference_model import ReferenceModel
from tests.zoo.wrappers.oriented import Oriented
from zoo import example_crystals
from zoo.batch import Batch
from zoo.cards.mode import Averaging, Mode
from zoo.wrappers import averaged
from zoo.wrappers.o3_average import O3Average, quadrature

# atoms all around, or their positions would tell the rotation to fewer digits
ATOMS = example_crystals.distorted("mgo-rocksalt").repeat((2, 2, 2))


def fault_left(model: Oriented, wrapper: O3Average) -> float:
    """The largest share of the fault that the average still has, in energy, forces and stress."""
    batch = wrapper.compute([ATOMS])
    assert batch.stresses is not None
    errors = (
        batch.energies[0] - 1,
        (batch.forces[0] - model.forces) / model.forces,
        batch.stresses[0] / model.stress - 1,
    )
    return max(float(np.abs(error).max()) for error in errors)


@pytest.mark.parametrize("l_max", [3, 5, 7])
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
@settings(max_examples=25)
def test_exact_up_to_its_degree(l_max: int, seed: int, data: st.DataObject) -> None:
    model = Oriented(ATOMS, degree=data.draw(st.integers(1, l_max)), seed=seed)
    assert fault_left(model, O3Average(model, l_max=l_max)) < 1e-12


@pytest.mark.parametrize("l_max", [3, 5, 7])
def test_not_exact_beyond(l_max: int) -> None:
    left = [
        fault_left(model, O3Average(model, l_max=l_max))
        for seed in range(5)
        for model in [Oriented(ATOMS, degree=l_max + 1, seed=seed)]
    ]
    assert min(left) > 1e-4
    assert max(left) > 1e-2


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_what_tells_left_from_right_needs_inversion(degree: int) -> None:
    model = Oriented(ATOMS, degree=degree, odd=True)
    assert fault_left(model, O3Average(model, l_max=3, inversion=True)) < 1e-12
    # rotations leave its isotropic part whole, and take the others away alone
    left = fault_left(model, O3Average(model, l_max=3))
    assert left == pytest.approx(1.0, abs=1e-12) if degree == 0 else left < 1e-12


@pytest.mark.parametrize("degree", [1, 2])
def test_the_spread_is_the_standard_deviation_over_rotations(degree: int) -> None:
    model = Oriented(ATOMS, degree=degree)
    batch = O3Average(model, l_max=5).compute([ATOMS])  # squares are of twice the degree
    assert batch.spread is not None
    assert batch.spread.stresses is not None
    size = np.sqrt(1 / (2 * degree + 1))  # the mean square of a Legendre polynomial over the sphere
    assert batch.spread.energies_per_atom[0] == pytest.approx(size / len(ATOMS), rel=1e-12)
    assert batch.spread.forces[0] == pytest.approx(size * np.sqrt((model.forces**2).mean(axis=1)), rel=1e-12)
    assert batch.spread.stresses[0] == pytest.approx(size * np.sqrt((model.stress**2).mean()), rel=1e-12)


@pytest.mark.parametrize("averaging", ["o3-3", "o3-7-inversion"])
def test_an_equivariant_potential_stays_what_it_is(averaging: Averaging) -> None:
    structures = [example_crystals.distorted(name) for name in example_crystals.names()[:3]]
    plain, batch = ReferenceModel().compute(structures), averaged(ReferenceModel(), averaging).compute(structures)
    assert abs(batch.energies - plain.energies).max() < 1e-12
    assert max(abs(a - b).max() for a, b in zip(batch.forces, plain.forces, strict=True)) < 1e-12
    assert batch.stresses is not None
    assert plain.stresses is not None
    assert abs(batch.stresses - plain.stresses).max() < 1e-12
    assert batch.spread is not None
    assert max(forces.max() for forces in batch.spread.forces) < 1e-12


@pytest.mark.parametrize("averaging", [a for a in get_args(Averaging) if a.startswith("o3-")])
def test_the_mode_knows_the_cost(averaging: Averaging) -> None:
    batch: Batch = averaged(ReferenceModel(), averaging).compute([example_crystals.ideal("mgo-rocksalt")])
    assert batch.calls.tolist() == [Mode(averaging=averaging).cost_force_calls]


def test_the_cost_is_that_of_the_protocol() -> None:
    assert [Mode.parse(f"o3-{l_max}").cost_force_calls for l_max in (3, 5, 7)] == [42, 154, 390]
    assert Mode.parse("o3-3-inversion").cost_force_calls == 84


@pytest.mark.parametrize("inversion", [False, True])
@pytest.mark.parametrize("l_max", [1, 3, 5, 7])
def test_the_quadrature_is_a_mean_over_orthogonal_matrices(l_max: int, inversion: bool) -> None:
    matrices, weights = quadrature(l_max, inversion=inversion)
    assert weights.sum() == pytest.approx(1, abs=1e-14)
    assert weights.min() > 0
    assert matrices @ matrices.transpose(0, 2, 1) == pytest.approx(
        np.broadcast_to(np.eye(3), matrices.shape), abs=1e-14
    )
    assert (weights @ np.linalg.det(matrices)) == pytest.approx(0 if inversion else 1, abs=1e-14)
    assert len({matrix.round(9).tobytes() for matrix in matrices + 0.0}) == len(matrices)


def test_no_cheaper_lebedev_rule_would_do() -> None:
    """Each l_max takes the smallest rule there is: the one below is of too low a degree."""
    sizes = [len(lebedev_rule(degree)[1]) for degree in (3, 5, 7)]
    assert sizes == [6, 14, 26]
    points, weights = lebedev_rule(5)
    z = points[2]
    assert abs(weights @ (231 * z**6 - 315 * z**4 + 105 * z**2 - 5)) > 0.1  # l = 6
