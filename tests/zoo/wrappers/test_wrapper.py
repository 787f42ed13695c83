"""What all wrappers share: one stream, errors that keep their reason, a cost that adds up, inputs left alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from tests.zoo.reference_model import ReferenceModel
from zoo import example_crystals
from zoo.batch import Batch, Computes, StructureFailure
from zoo.wrappers.energy_only import EnergyOnly
from zoo.wrappers.net_force import NetForce
from zoo.wrappers.o3_average import O3Average
from zoo.wrappers.random_frame import RandomFrame
from zoo.wrappers.surrogate import Surrogate

WRAPPERS: dict[str, Callable[[Computes], Computes]] = {
    "energy only": EnergyOnly,
    "net force": NetForce,
    "o3": lambda model: O3Average(model, l_max=3),
    "random frame": RandomFrame,
    "surrogate": lambda model: Surrogate(model, curl=0.01, quadrupole=0.01, smooth=0.01, rough=0.01),
    "two of them": lambda model: NetForce(O3Average(RandomFrame(model), l_max=3)),
}
CALLS = {"energy only": lambda n: 6 * n + 13, "o3": lambda _: 42, "two of them": lambda _: 42}

MGO, SIC = example_crystals.distorted("mgo-rocksalt"), example_crystals.distorted("sic-zincblende").repeat((2, 1, 1))
POLONIUM = bulk("Po", "sc", a=3.4)


class Counted(ReferenceModel):
    """Counts its calls and structures."""

    calls = structures = 0

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        self.calls += 1
        self.structures += len(atoms)
        return replace(super().compute(atoms), seconds=0.25)


@pytest.fixture(params=WRAPPERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_all_structures_of_a_call_are_one_stream(name: str) -> None:
    model = Counted()
    batch = WRAPPERS[name](model).compute([MGO, SIC, MGO])
    expected = [CALLS.get(name, lambda _: 1)(len(each)) for each in (MGO, SIC, MGO)]
    assert batch.calls.tolist() == expected
    assert (model.calls, model.structures) == (1, sum(expected))
    assert batch.seconds == 0.25


def test_a_batch_is_its_structures_one_by_one(name: str) -> None:
    wrapper = WRAPPERS[name](ReferenceModel())
    together = wrapper.compute([MGO, SIC])
    for index, each in enumerate((MGO, SIC)):
        alone = wrapper.compute([each])
        assert together.energies[index] == alone.energies[0]
        assert np.array_equal(together.forces[index], alone.forces[0])
        assert together.stresses is not None
        assert alone.stresses is not None
        assert np.array_equal(together.stresses[index], alone.stresses[0])


def test_what_the_model_refuses_keeps_its_reason_and_harms_no_other(name: str) -> None:
    wrapper = WRAPPERS[name](ReferenceModel())
    batch, alone = wrapper.compute([MGO, POLONIUM, SIC]), wrapper.compute([SIC])
    assert batch.errors == [None, StructureFailure("unsupported", "polonium is not supported"), None]
    assert np.isnan(batch.energies).tolist() == [False, True, False]
    assert np.isnan(batch.forces[1]).all()
    assert batch.stresses is not None
    assert np.isnan(batch.stresses[1]).all()
    assert np.array_equal(batch.forces[2], alone.forces[0])
    if batch.spread is not None:
        assert np.isnan(batch.spread.energies_per_atom).tolist() == [False, True, False]
        assert np.isnan(batch.spread.forces[1]).all()


def test_a_position_that_is_no_number_is_the_models_to_refuse(name: str) -> None:
    broken = MGO.copy()
    broken.positions[0, 0] = np.nan
    assert WRAPPERS[name](ReferenceModel()).compute([broken, MGO]).errors == [
        StructureFailure("failed", "a position is not a number"),
        None,
    ]


def test_nothing_in_nothing_out(name: str) -> None:
    batch = WRAPPERS[name](ReferenceModel()).compute([])
    assert (len(batch), batch.errors, batch.calls.tolist()) == (0, [], [])


def test_a_model_without_stress_has_none(name: str) -> None:
    class Stressless(ReferenceModel):
        def compute(self, atoms: Sequence[Atoms]) -> Batch:
            return replace(super().compute(atoms), stresses=None)

    batch = WRAPPERS[name](Stressless()).compute([MGO])
    assert (batch.stresses is None) == (name != "energy only"), "the energy alone gives a stress"
    assert batch.errors == [None]


def test_structures_stay_as_they_were(name: str) -> None:
    given = [MGO.copy(), SIC.copy()]
    WRAPPERS[name](ReferenceModel()).compute(given)
    assert given == [MGO, SIC]


def test_the_same_question_has_the_same_answer(name: str) -> None:
    first, second = (WRAPPERS[name](ReferenceModel()).compute([SIC]) for _ in range(2))
    assert np.array_equal(first.forces[0], second.forces[0])
