"""Datasets: what a file of them says, where the bytes come from, and what a user without them reads."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from evaluation.errors import DatasetUnavailable, UnknownDataset
from evaluation.reference import dataset
from zoo.errors import ChecksumMismatch


@pytest.mark.parametrize("name", dataset.names())
def test_every_dataset_says_what_a_reader_needs(name: str) -> None:
    found = dataset.load(name)
    assert found.n > 0
    assert found.citation
    assert found.source.startswith("https://")
    assert bool(found.files) != bool(found.package)


def test_a_misspelt_name_gets_the_right_one() -> None:
    with pytest.raises(UnknownDataset, match="phonondb103"):
        dataset.load("phonodb103")


def test_without_the_bytes_the_error_says_where_to_get_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLIP_ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MLIP_ZOO_MIRROR", raising=False)
    monkeypatch.setenv("MLIP_ZOO_OFFLINE", "1")
    with pytest.raises(DatasetUnavailable, match="MLIP_ZOO_MIRROR") as told:
        dataset.fetch("phonondb103", "structures")
    assert dataset.load("phonondb103").files["structures"].sha256 in str(told.value)
    assert dataset.load("phonondb103").source in str(told.value)
    assert "'mlip-zoo datasets phonondb103 --mirror DIR'" in str(told.value)


def test_a_mirror_serves_by_hash_and_other_bytes_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    content = b"reference"
    sha256 = hashlib.sha256(content).hexdigest()
    folder = tmp_path / "datasets"
    folder.mkdir()
    (folder / "small.yaml").write_text(
        "title: small\nn: 1\ntheory: PBE\nlicence: CC0-1.0\ncitation: nobody\nsource: https://example.org\n"
        f"files:\n  it:\n    sha256: {sha256}\n    bytes: {len(content)}\n"
    )
    monkeypatch.setattr(dataset, "FOLDER", folder)
    monkeypatch.setenv("MLIP_ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MLIP_ZOO_MIRROR", str(tmp_path))
    (tmp_path / sha256).write_bytes(b"Reference")
    with pytest.raises(ChecksumMismatch):
        dataset.fetch("small", "it")
    (tmp_path / sha256).write_bytes(content)
    assert dataset.fetch("small", "it").read_bytes() == content


def test_identity_follows_every_file() -> None:
    found = dataset.load("phonondb103")
    other = found.model_copy(
        update={"files": {**found.files, "kappa": found.files["kappa"].model_copy(update={"sha256": "0" * 64})}}
    )
    assert found.identity != other.identity


def test_what_is_only_shown_is_never_downloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLIP_ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MLIP_ZOO_MIRROR", raising=False)
    monkeypatch.delenv("MLIP_ZOO_OFFLINE", raising=False)
    monkeypatch.setattr("zoo.checkpoints.cache.bring", lambda *_, **__: pytest.fail("a source was asked"))
    with (
        dataset.here_only(),
        pytest.raises(DatasetUnavailable, match="'mlip-zoo datasets phonondb103 --fetch'") as told,
    ):
        dataset.fetch("phonondb103", "structures")
    assert told.value.dataset == "phonondb103"


def test_what_is_here_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    content = b"reference"
    sha256 = hashlib.sha256(content).hexdigest()
    (tmp_path / sha256).write_bytes(content)
    monkeypatch.setenv("MLIP_ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MLIP_ZOO_MIRROR", str(tmp_path))
    pinned = dataset.load("phonondb103").files["structures"].model_copy(update={"sha256": sha256, "bytes": 9})
    here = dataset.load("phonondb103").model_copy(update={"files": {"structures": pinned}})
    monkeypatch.setattr(dataset, "load", lambda _: here)
    with dataset.here_only():
        assert dataset.fetch("phonondb103", "structures").read_bytes() == content
