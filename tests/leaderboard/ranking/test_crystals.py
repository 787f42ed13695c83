"""What ships of crystals is what the records hold, rounded, and what is no crystal stays out."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from evaluation import task as tasks
from evaluation.harness.store import read_records
from evaluation.outputs import relaxation
from evaluation.record import Record
from evaluation.reference import dataset
from leaderboard.ranking import crystals
from leaderboard.ranking.collect import PUBLISHED, read_entry
from zoo.files import sha256

FORMATION = PUBLISHED / "formation" / "pet-tiny@conservative.json"
RELAXATION = PUBLISHED / "relaxation" / "pet-tiny@direct.json"
VIEWER = Path(crystals.__file__).parents[1] / "site" / "static" / "3Dmol.js"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(crystals, "FOLDER", tmp_path)
    return tmp_path


def record(sample: str, **outputs: object) -> Record:
    return Record.model_validate(
        {"sample": sample, "status": "ok", "outputs": outputs, "force_calls": 1, "atom_calls": 1, "seconds": 0.0}
    )


def test_published_crystals_are_those_of_the_records() -> None:
    entry = read_entry(FORMATION)
    found, shared = crystals.of_entry(entry), crystals.shared(entry.task)
    records = {each.sample: each for each in read_records(FORMATION.with_suffix(".parquet")) if each.status == "ok"}
    assert found.keys() == records.keys()
    for sample, each in records.items():
        for crystal, geometry in (
            (relaxation.predicted(each), found[sample]["relaxed"]),
            (relaxation.reference(each), shared[sample].get("reference", shared[sample].get("start"))),
        ):
            assert geometry is not None
            assert geometry["numbers"] == crystal.numbers.tolist()
            assert np.allclose(np.reshape(geometry["cell"], (3, 3)) / 1000, crystal.cell, atol=0.00051)
            assert np.allclose(np.reshape(geometry["positions"], (-1, 3)) / 1000, crystal.positions, atol=0.00051)


def test_a_canary_has_a_start_and_no_reference() -> None:
    shared = crystals.shared(tasks.load("formation"))
    assert set(shared["Cu"]) == {"start"}
    assert {frozenset(each) for each in shared.values()} == {frozenset({"start"}), frozenset({"reference"})}


def test_a_failed_sample_has_its_reference_and_start() -> None:
    entry = read_entry(RELAXATION)
    failed = [str(row["sample"]) for row in entry.rows if row["status"] == "failed"]
    assert not set(failed) & crystals.of_entry(entry).keys()
    shared = crystals.shared(entry.task)
    assert all(
        set(shared[sample]) == {"reference", "start"}
        for sample in failed
        if sample.endswith("/perturbed") and "-mp-" in sample
    )


@pytest.mark.data
@pytest.mark.parametrize("path", [FORMATION, RELAXATION], ids=lambda path: path.parent.name)
def test_the_same_result_gives_the_same_files(written: Path, path: Path) -> None:
    published = crystals.path_of(path).name
    with dataset.here_only():
        crystals.write(path, read_records(path.with_suffix(".parquet")))
    ours, theirs = (folder / path.parent.name / published for folder in (written, VIEWER.parents[2] / "crystals"))
    assert ours.read_bytes() == theirs.read_bytes()
    assert (written / f"{path.parent.name}.json.gz").is_file()


def test_what_is_no_crystal_is_left_out(written: Path) -> None:
    crystal = {"numbers": [11], "cell": np.eye(3).tolist(), "positions": [[0.0, 0.0, 0.0]]}
    found = [
        record("whole", **crystal),
        record("nowhere", **{**crystal, "positions": [[0.0, math.inf, 0.0]]}),
        record("far", **{**crystal, "cell": (1e9 * np.eye(3)).tolist()}),
        record("none"),
    ]
    crystals.write(PUBLISHED / "elasticity" / "pet-tiny@conservative.json", found)
    (path,) = written.glob("*/*")
    crystals.clear([])
    assert not path.is_file()
    crystals.write(FORMATION.with_name("x@y.json"), [record("none")])
    assert list(written.glob("*")) == [path.parent]


def test_crystals_of_a_result_that_changed_are_not_shown(written: Path, tmp_path: Path) -> None:
    result = tmp_path / "elasticity" / "a@b.json"
    result.parent.mkdir()
    result.write_text("{}")
    crystals.write(result, [record("Na", numbers=[11], cell=np.eye(3).tolist(), positions=[[0.0, 0.0, 0.0]])])
    assert set(crystals.ships(result)) == {"Na"}
    result.write_text("{ }")
    assert crystals.ships(result) == {}
    assert written == tmp_path


def test_the_viewer_is_the_one_that_was_published() -> None:
    assert sha256(VIEWER) == "f7cc78921ae72e7623e89cdd111434f58c2efddd2ffda1cd212644b406fb8016"
    assert "BSD-3-Clause" in (VIEWER.parent / "3Dmol.LICENSE.txt").read_text(encoding="utf-8")
