"""MatGL's order of species: tensors read in another order are right for elements, wrong for every compound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

import zoo
from tests.zoo.altered import altered
from tests.zoo.test_real_models import at_hand
from zoo.checks.suite import check
from zoo.potential import Potential

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("persons_mirror")]

NAME = "tensornet-matpes-pbe"

# What MatGL from 2.2.1 on makes of these weights: the halves of this matrix belong to the two atoms of a pair.
FAULTY = """
import importlib.util

spec = importlib.util.spec_from_file_location("reference", {adapter!r})
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)


def load(files, **mode):
    model = reference.load(files, **mode)
    weight = model.potential.model.tensor_embedding.emb2.weight
    first, second = weight.chunk(2, dim=1)
    weight.data = reference.torch.cat([second, first], dim=1)
    return model
"""


@pytest.fixture
def faulty(tmp_path: Path) -> Potential:
    at_hand(NAME)
    return altered(NAME, FAULTY, tmp_path)


def test_a_compound_canary_sees_the_fault_and_an_elemental_one_would_not(faulty: Potential) -> None:
    salt, silicon = bulk("NaCl", "rocksalt", a=5.69), bulk("Si", a=5.47)
    silicon.positions[1] += (0.05, -0.02, 0.03)
    with faulty, zoo.load(NAME, device="cpu", threads=1) as reference:
        right, wrong = reference.compute([salt, silicon]), faulty.compute([salt, silicon])
        report = check(faulty, card=faulty.card, inversion="exact")
    # figures of MatGL 2.0.4 and 2.2.1
    assert right.energies[0] / 2 == pytest.approx(-3.3576, abs=5e-5)
    assert wrong.energies[0] / 2 == pytest.approx(-2.7368, abs=5e-5)
    assert wrong.energies[1] == pytest.approx(right.energies[1], abs=1e-5)
    assert np.abs(wrong.forces[1] - right.forces[1]).max() < 1e-5
    # without a canary, or with one that this very fault made, the compounds tell
    assert [found.name for found in report.checks if found.status == "failed"] == ["chemistry", "canary"]
    assert "MgO" in report["chemistry"].detail
