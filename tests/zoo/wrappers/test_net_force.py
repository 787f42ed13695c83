from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from ase import Atoms
from hypothesis import given
from hypothesis import strategies as st

from tests.zoo.reference_model import ReferenceModel
from zoo import example_crystals
from zoo.batch import Batch
from zoo.wrappers.net_force import NetForce

ATOMS = example_crystals.distorted("zns-zincblende").repeat((2, 1, 1))
PUSH = st.floats(-1e3, 1e3)


class Pushed(ReferenceModel):
    """Every atom is pushed the same way."""

    def __init__(self, push: tuple[float, float, float]) -> None:
        super().__init__()
        self.push = push

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        batch = super().compute(atoms)
        return replace(batch, forces=[forces + np.array(self.push) for forces in batch.forces])


@given(push=st.tuples(PUSH, PUSH, PUSH))
def test_a_common_push_is_taken_away_and_nothing_else(push: tuple[float, float, float]) -> None:
    plain, batch = ReferenceModel().compute([ATOMS]), NetForce(Pushed(push)).compute([ATOMS])
    assert abs(batch.forces[0].sum(axis=0)).max() < 1e-11
    assert abs(batch.forces[0] - plain.forces[0]).max() < 1e-11
    assert batch.energies[0] == plain.energies[0]
    assert np.array_equal(batch.stresses, plain.stresses)  # type: ignore[arg-type]
