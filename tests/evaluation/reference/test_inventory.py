"""Which reference data are here, and bringing them into a mirror for a machine without a network."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evaluation.cli import app
from evaluation.errors import EvaluationError, UnknownDataset
from evaluation.reference import dataset
from evaluation.reference.inventory import look

HEAD = "title: {0}\nn: 1\ntheory: PBE\nlicence: CC0-1.0\ncitation: nobody\nsource: https://example.org\n"
BYTES = {"here": b"reference", "away": b"elsewhere"}


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Two data sets: one whose file a mirror has, one whose file nobody has."""
    folder, mirror = tmp_path / "datasets", tmp_path / "mirror"
    folder.mkdir()
    mirror.mkdir()
    for name, content in BYTES.items():
        sha256 = hashlib.sha256(content).hexdigest()
        text = HEAD.format(name) + f"files:\n  it: {{sha256: {sha256}, bytes: {len(content)}}}\n"
        (folder / f"{name}.yaml").write_text(text)
    (mirror / hashlib.sha256(BYTES["here"]).hexdigest()).write_bytes(BYTES["here"])
    monkeypatch.setattr(dataset, "FOLDER", folder)
    monkeypatch.setenv("MLIP_ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MLIP_ZOO_MIRROR", str(mirror))
    dataset.load.cache_clear()
    return mirror


def test_the_list_says_what_is_here(mirror: Path) -> None:
    assert {name: look(name).here for name in dataset.names()} == {"away": "no", "here": "yes"}
    done = CliRunner().invoke(app, ["datasets", "--json"])
    assert [row["name"] for row in json.loads(done.stdout)] == ["away", "here"]
    assert "CC0-1.0" in CliRunner().invoke(app, ["datasets", "here"]).stdout


def test_a_mirror_is_filled_and_what_is_missing_is_told(mirror: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    done = CliRunner().invoke(app, ["datasets", "--mirror", str(target)])
    assert isinstance(done.exception, EvaluationError)
    assert "it of away: " in str(done.exception)
    assert [path.read_bytes() for path in target.iterdir()] == [BYTES["here"]]


def test_fetching_brings_it_into_the_cache(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert CliRunner().invoke(app, ["datasets", "here", "--fetch"]).exit_code == 0
    monkeypatch.delenv("MLIP_ZOO_MIRROR")
    assert look("here").here == "yes"


def test_a_misspelt_name_stops_before_anything_is_fetched(mirror: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["datasets", "here", "awya", "--mirror", str(tmp_path / "target")])
    assert isinstance(done.exception, UnknownDataset)
    assert not (tmp_path / "target").exists()
