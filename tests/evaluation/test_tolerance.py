"""Tolerance curves: a fault of a known size has the effect that it must have, and none has none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pytest
from ase import Atoms

from evaluation.tolerance import PROTOCOL, Dial, Remembering, Specimen, ToleranceProtocol, points
from tests.zoo.sound import Sound
from zoo.batch import Batch
from zoo.front_matter import read_yaml


@pytest.fixture(scope="module")
def specimen() -> Specimen:
    protocol = read_yaml(PROTOCOL, ToleranceProtocol).model_copy(update={"mesh": 3})
    return Specimen("Cu", Sound(), protocol)


def test_no_fault_does_nothing(specimen: Specimen) -> None:
    point = specimen.point("asymmetry", 0.0, 0)
    assert point["error"] is None
    assert point["omega_mae"] == 0.0
    assert point["stable"] == point["sound_stable"]
    relaxation = cast("dict[str, object]", point["relaxation"])
    assert relaxation["converged"]
    assert cast("list[int]", relaxation["space_groups"])[0] == relaxation["space_group_sound"] == 225


def test_the_error_grows_with_the_dial(specimen: Specimen) -> None:
    dials: tuple[Dial, ...] = ("smooth", "rough")
    for dial in dials:
        small, large = (cast(float, specimen.point(dial, level, 0)["omega_mae"]) for level in (1e-4, 1e-2))
        assert 0 < 10 * small < large


def test_a_curl_shows_in_the_full_set(specimen: Specimen) -> None:
    point = specimen.point("asymmetry", 0.03, 0)
    full = cast("dict[str, float]", point["residuals_full"])
    assert full["fc_asymmetry"] > 1e-3
    assert cast(float, point["omega_mae_full"]) > 1e-5
    assert cast(float, point["omega_mae"]) < 1e-6  # the reduced set leaves nothing of it


def test_what_is_out_of_reach_says_so(specimen: Specimen) -> None:
    assert "out of reach" in str(specimen.point("asymmetry", 2.0, 0)["error"])


def test_the_sound_model_is_asked_once() -> None:
    class Counting(Sound):
        asked = 0

        def compute(self, atoms: Sequence[Atoms]) -> Batch:
            self.asked += len(atoms)
            return super().compute(atoms)

    model = Counting()
    remembering = Remembering(model)
    cells = [Atoms("Cu", cell=np.eye(3) * a, pbc=True) for a in (2.4, 2.5, 2.4)]
    first, again = remembering.compute(cells), remembering.compute(cells)
    assert model.asked == 2
    assert first.energies.tolist() == again.energies.tolist() == Sound().compute(cells).energies.tolist()


def test_every_dial_and_level_has_its_points() -> None:
    protocol = read_yaml(PROTOCOL, ToleranceProtocol)
    few = protocol.model_copy(
        update={"dials": {"rough": (1e-3,)}, "mesh": 3, "seeds": (0, 2), "crystals": {"Cu": protocol.crystals["Cu"]}}
    )
    assert [(p["dial"], p["seed"]) for p in points(Sound(), few)] == [
        ("asymmetry", 0),
        *(("rough", s) for s in (0, 2)),
    ]
