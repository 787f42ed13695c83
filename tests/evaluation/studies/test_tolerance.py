"""Tolerance curves: a fault of a known size has the effect that it must have, and none has none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from evaluation.studies.tolerance import Points, Remembering, Specimen, points
from evaluation.studies.tolerance_data import PROTOCOL, Curves, Dial, ToleranceProtocol, read_curves
from tests.zoo.reference_model import ReferenceModel
from zoo.batch import Batch
from zoo.cards.front_matter import read_yaml
from zoo.files import write_json


@pytest.fixture(scope="module")
def specimen() -> Specimen:
    protocol = read_yaml(PROTOCOL, ToleranceProtocol).model_copy(update={"mesh": 3})
    return Specimen("Cu", ReferenceModel(), protocol)


def test_no_fault_does_nothing(specimen: Specimen) -> None:
    point = specimen.point("asymmetry", 0.0, 0)
    assert point.error is None
    assert point.spectrum
    assert point.relaxation
    assert point.spectrum.omega_mae == 0.0
    assert point.spectrum.stable == point.spectrum.sound_stable
    assert point.relaxation.converged
    assert point.relaxation.space_groups[0] == point.relaxation.space_group_sound == 225


def omega_mae(specimen: Specimen, dial: Dial, level: float) -> float:
    spectrum = specimen.point(dial, level, 0).spectrum
    assert spectrum
    return spectrum.omega_mae


def test_the_error_grows_with_the_dial(specimen: Specimen) -> None:
    dials: tuple[Dial, ...] = ("smooth", "rough")
    for dial in dials:
        small, large = (omega_mae(specimen, dial, level) for level in (1e-4, 1e-2))
        assert 0 < 10 * small < large


def test_a_curl_shows_in_the_full_set(specimen: Specimen) -> None:
    found = specimen.point("asymmetry", 0.03, 0).spectrum
    assert found
    assert found.residuals_full.fc_asymmetry > 1e-3
    assert found.omega_mae_full > 1e-5
    assert found.omega_mae < 1e-6  # the reduced set leaves nothing of it


def test_what_is_out_of_reach_says_so(specimen: Specimen) -> None:
    assert "out of reach" in str(specimen.point("asymmetry", 2.0, 0).error)


def test_the_sound_model_is_asked_once() -> None:
    class Counting(ReferenceModel):
        asked = 0

        def compute(self, atoms: Sequence[Atoms]) -> Batch:
            self.asked += len(atoms)
            return super().compute(atoms)

    model = Counting()
    remembering = Remembering(model)
    cells = [Atoms("Cu", cell=np.eye(3) * a, pbc=True) for a in (2.4, 2.5, 2.4)]
    first, again = remembering.compute(cells), remembering.compute(cells)
    assert model.asked == 2
    assert first.energies.tolist() == again.energies.tolist() == ReferenceModel().compute(cells).energies.tolist()


@pytest.fixture
def few() -> ToleranceProtocol:
    protocol = read_yaml(PROTOCOL, ToleranceProtocol)
    return protocol.model_copy(
        update={
            "dials": {"rough": (1e-3,)},
            "mesh": 3,
            "supercell": 1,
            "seeds": (0, 2),
            "crystals": {"Cu": protocol.crystals["Cu"]},
        }
    )


def test_every_dial_and_level_has_its_points(few: ToleranceProtocol) -> None:
    assert few.plan() == [("asymmetry", 0.0, 0), ("rough", 1e-3, 0), ("rough", 1e-3, 2)]


def test_only_some_seeds_are_relaxed(few: ToleranceProtocol) -> None:
    found = {point.seed: point for point, _, _ in points(ReferenceModel(), few) if point.dial == "rough"}
    assert {seed: point.relaxation is not None for seed, point in found.items()} == {0: True, 2: False}
    assert found[2].spectrum


def test_what_was_interrupted_goes_on_where_it_was(few: ToleranceProtocol, tmp_path: Path) -> None:
    kept = Points(tmp_path, {"entry": "sound"})
    running = points(ReferenceModel(), few, kept)
    first = next(running)
    running.close()  # killed after one of three
    assert [path.name.rpartition("-")[0] for path in tmp_path.iterdir()] == ["Cu-asymmetry-0-0"]

    again = list(points(ReferenceModel(), few, kept))
    assert [fresh for _, _, fresh in again] == [False, True, True]
    assert again[0][0] == first[0]

    class Silent(ReferenceModel):
        def compute(self, atoms: Sequence[Atoms]) -> Batch:
            raise AssertionError("everything is there")

    assert [point for point, _, _ in points(Silent(), few, kept)] == [point for point, _, _ in again]


def test_other_conditions_are_other_points(few: ToleranceProtocol, tmp_path: Path) -> None:
    mine, other = (Points(tmp_path, {"entry": entry}) for entry in ("mine", "other"))
    which = few.plan()[0]
    path = mine.path(few, "Cu", *which)
    assert path != other.path(few, "Cu", *which)
    assert path != mine.path(few.model_copy(update={"displacement": 0.01}), "Cu", *which)
    # what else is on the dial does not matter to a point
    assert path == mine.path(few.model_copy(update={"dials": {"rough": (1e-2,)}, "seeds": (0,)}), "Cu", *which)


def test_curves_are_read_back_as_they_were_written(few: ToleranceProtocol, specimen: Specimen, tmp_path: Path) -> None:
    curves = Curves(
        entry="sound",
        checkpoint_sha256="0" * 64,
        protocol=few,
        device="cpu",
        threads=1,
        packages={},
        model_packages={},
        commits=(None,),
        started="2026-01-02T03:04:05Z",
        finished="2026-01-02T03:04:06Z",
        points=(specimen.point("asymmetry", 2.0, 0), specimen.point("asymmetry", 0.0, 0)),
    )
    write_json(tmp_path / "curves.json", curves.model_dump(mode="json"))
    assert read_curves(tmp_path / "curves.json") == curves
