"""The store, mirrors, offline mode, and files by URL; the Hub and wheels have files of their own."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faulty_server import Site, serve
from tests.pinned import DATA, kept, pinned
from zoo import settings
from zoo.cards.checkpoint import BundledSource, PinnedFile
from zoo.checkpoints import cache, download, sources
from zoo.errors import CheckpointError, CheckpointNotFound, ChecksumMismatch, OfflineError

OTHER = DATA[::-1]
NOWHERE = "http://127.0.0.1:9/weights"
"""Nothing listens on the discard port."""


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("MLIP_ZOO_CACHE", str(folder))
    return folder


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "FIRST_WAIT", 0.0)


@pytest.fixture
def site() -> Iterator[Site]:
    with serve(Site({"weights": DATA, "other": OTHER})) as site:
        yield site


@pytest.fixture
def file(site: Site) -> PinnedFile:
    return pinned(DATA, f"{site.origin}/files/weights")


def fetch(file: PinnedFile) -> bytes:
    return cache.fetch(file, label="a-model").read_bytes()


# --- the store --------------------------------------------------------------------------------------------------------


def test_a_file_is_fetched_once_and_kept_read_only_under_its_hash(
    site: Site, file: PinnedFile, cache_folder: Path
) -> None:
    told: list[tuple[int, int]] = []
    path = cache.fetch(file, label="a-model", progress=lambda done, total: told.append((done, total)))
    assert path == cache_folder / "blobs" / file.sha256
    assert path.read_bytes() == DATA
    assert path.stat().st_mode & 0o222 == 0
    assert kept(cache_folder) == [f"blobs/{file.sha256}"]
    assert told == sorted(told)
    assert told[-1] == (len(DATA), len(DATA))
    assert {total for _, total in told} == {len(DATA)}

    assert cache.fetch(file, label="a-model") == path
    assert cache.cached(file) == path
    assert site.count("GET") == 1


def test_nothing_is_cached_before_it_is_fetched(file: PinnedFile) -> None:
    assert cache.cached(file) is None


def test_a_rotten_blob_is_noticed_and_fetched_again(
    site: Site, file: PinnedFile, caplog: pytest.LogCaptureFixture
) -> None:
    blob = cache.fetch(file, label="a-model")
    blob.chmod(0o644)
    blob.write_bytes(OTHER)
    assert cache.cached(file) is None
    with caplog.at_level(logging.WARNING):
        assert fetch(file) == DATA
    assert "damaged" in caplog.text
    assert file.sha256 in caplog.text
    assert site.count("GET") == 2


def test_a_rotten_blob_that_cannot_be_replaced_is_not_returned(file: PinnedFile, cache_folder: Path) -> None:
    blob = cache.fetch(file, label="a-model")
    blob.chmod(0o644)
    blob.write_bytes(OTHER)
    with pytest.raises(CheckpointNotFound):
        fetch(pinned(DATA))
    assert kept(cache_folder) == []


def test_a_conversion_is_stored_when_it_is_what_the_card_pins(tmp_path: Path, cache_folder: Path) -> None:
    made = tmp_path / "model.safetensors"
    made.write_bytes(DATA)
    file = pinned(DATA)
    path = cache.store(made, file)
    assert path == cache.cached(file)
    assert path.read_bytes() == made.read_bytes() == DATA
    assert kept(cache_folder) == [f"blobs/{file.sha256}"]


def test_a_wrong_conversion_is_refused_even_when_the_right_one_is_there(tmp_path: Path, cache_folder: Path) -> None:
    made = tmp_path / "model.safetensors"
    made.write_bytes(DATA)
    file = pinned(DATA)
    cache.store(made, file)
    made.write_bytes(OTHER)
    with pytest.raises(ChecksumMismatch, match=pinned(OTHER).sha256):
        cache.store(made, file)
    assert fetch(file) == DATA


def test_a_cache_that_cannot_be_written_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MLIP_ZOO_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(CheckpointError, match="set MLIP_ZOO_CACHE"):
        fetch(pinned(DATA))


def test_the_cache_is_the_users_own_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MLIP_ZOO_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    assert settings.cache_dir().name == "mlip-zoo"
    assert settings.cache_dir().is_relative_to(tmp_path)


# --- wrong bytes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [OTHER, DATA[:-1], DATA[:-1] + b"!", b"<html>Log in</html>"])
def test_wrong_bytes_are_refused_with_both_hashes_and_leave_nothing(
    site: Site, cache_folder: Path, wrong: bytes
) -> None:
    site.files["wrong"] = wrong
    file = pinned(DATA, f"{site.origin}/files/wrong", f"{site.origin}/files/weights")
    with pytest.raises(ChecksumMismatch) as caught:
        fetch(file)
    told = str(caught.value)
    assert file.sha256 in told
    assert pinned(wrong).sha256 in told
    assert f"{site.origin}/files/wrong" in told
    assert kept(cache_folder) == []
    assert site.count("GET /files/weights") == 0


def test_a_file_that_does_not_end_is_not_read_to_its_end(site: Site, cache_folder: Path) -> None:
    site.files["endless"] = DATA * 100
    with pytest.raises(ChecksumMismatch, match="512,001 bytes or more: reading stopped there"):
        fetch(pinned(DATA, f"{site.origin}/files/endless"))
    assert kept(cache_folder) == []


# --- sources that lack the file ---------------------------------------------------------------------------------------


def test_when_no_source_has_the_file_each_says_why(site: Site, cache_folder: Path) -> None:
    site.fault("GET /files/busy", status=503, times=None)
    site.fault("GET /files/locked", status=403)
    urls = [f"{site.origin}/files/nothing", f"{site.origin}/files/busy", f"{site.origin}/files/locked", NOWHERE]
    with pytest.raises(CheckpointNotFound) as caught:
        fetch(file := pinned(DATA, *urls))
    first, *lines = str(caught.value).splitlines()
    assert first.startswith("a-model: ")
    assert file.sha256 in first
    reasons = ["404 Not Found", "503 Service Unavailable (5 tries)", "403 Forbidden", "cannot be reached"]
    assert len(lines) == len(urls)
    for line, url, reason in zip(lines, urls, reasons, strict=True):
        assert url in line
        assert reason in line
    assert kept(cache_folder) == []
    assert list((cache_folder / "partial").iterdir()) == []


def test_the_next_source_is_asked_when_one_lacks_the_file(site: Site, cache_folder: Path) -> None:
    site.fault("GET /files/broken", cut=0, times=None)
    file = pinned(DATA, NOWHERE, *(f"{site.origin}/files/{name}" for name in ("nothing", "broken", "weights", "other")))
    assert fetch(file) == DATA
    assert site.count("GET /files/other") == 0
    assert kept(cache_folder) == [f"blobs/{file.sha256}"]


def test_a_file_without_sources_says_so() -> None:
    with pytest.raises(CheckpointNotFound, match="names no source"):
        fetch(pinned(DATA))


# --- many at once -----------------------------------------------------------------------------------------------------

FETCH = """
import sys
from zoo.checkpoints import cache
from zoo.cards.checkpoint import BundledSource, PinnedFile
print(cache.fetch(PinnedFile.model_validate_json(sys.argv[1]), label="a-model"))
"""


def test_many_threads_download_once(site: Site, file: PinnedFile) -> None:
    site.fault("GET", pause=0.02)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(fetch, [file] * 8)) == {DATA}
    assert site.count("GET") == 1


def test_many_processes_download_once(site: Site, file: PinnedFile, cache_folder: Path) -> None:
    site.fault("GET", pause=0.2)
    command = [sys.executable, "-c", FETCH, file.model_dump_json()]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    paths = {child.communicate(timeout=600)[0].strip() for child in children}
    assert paths == {str(cache_folder / "blobs" / file.sha256)}
    assert site.count("GET") == 1


def test_a_killed_download_is_taken_up(site: Site, file: PinnedFile, cache_folder: Path) -> None:
    site.fault("GET", pause=0.2)
    child = subprocess.Popen([sys.executable, "-c", FETCH, file.model_dump_json()])
    deadline = time.monotonic() + 600
    while not any((cache_folder / part).stat().st_size for part in kept(cache_folder)):
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert kept(cache_folder) != [f"blobs/{file.sha256}"]

    assert fetch(file) == DATA
    resumed = site.requests[-1].headers["range"]
    assert 0 < int(resumed.removeprefix("bytes=").removesuffix("-")) < len(DATA)
    assert kept(cache_folder) == [f"blobs/{file.sha256}"]


def test_different_files_do_not_wait_for_each_other(site: Site, file: PinnedFile) -> None:
    with cache._locked(pinned(OTHER)):
        assert fetch(file) == DATA


# --- mirrors ----------------------------------------------------------------------------------------------------------


def plant(mirror: Path, name: str, data: bytes = DATA) -> None:
    (mirror / name).parent.mkdir(parents=True, exist_ok=True)
    (mirror / name).write_bytes(data)


def manifest(mirror: Path, *rows: str, head: str = "path,bytes,sha256,licence") -> None:
    plant(mirror, "MANIFEST.csv", "\n".join([head, *rows, ""]).encode())


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv("MLIP_ZOO_MIRROR", str(folder))
    return folder


@pytest.mark.parametrize("name", ["{sha}", "{sha[0]}{sha[1]}/{sha}", "weights/chgnet, 0.3.0.pth"])
def test_a_mirror_is_asked_before_any_network(site: Site, file: PinnedFile, mirror: Path, name: str) -> None:
    name = name.format(sha=file.sha256)
    plant(mirror, name)
    manifest(mirror, f"other,1,{pinned(OTHER).sha256},MIT", f'"{name}",512000,{file.sha256.upper()},"MIT, really"')
    assert cache.cached(file) == mirror / name
    path = cache.fetch(file, label="a-model")
    assert path.read_bytes() == DATA
    assert not path.samefile(mirror / name)
    assert site.requests == []


def test_several_mirrors_are_asked_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = pinned(DATA)
    plant(tmp_path / "second", file.sha256)
    folders = [tmp_path / "missing", tmp_path / "second"]
    monkeypatch.setenv("MLIP_ZOO_MIRROR", os.pathsep.join(map(str, folders)))
    assert fetch(file) == DATA


def test_a_full_disk_says_what_to_do(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    plant(mirror, pinned(DATA).sha256)
    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(CheckpointError, match=r"No space left on device.*Make room there"):
        cache.fetch(pinned(DATA), label="a-model")


def test_a_larger_file_of_a_mirror_is_not_copied(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(mirror, pinned(DATA[:10]).sha256)
    monkeypatch.setattr("shutil.copyfile", lambda *_: pytest.fail("it was copied"))
    with pytest.raises(ChecksumMismatch, match="512,000 bytes"):
        cache.fetch(pinned(DATA[:10]), label="a-model")


def test_a_mirror_with_other_bytes_is_refused(site: Site, file: PinnedFile, mirror: Path, cache_folder: Path) -> None:
    plant(mirror, file.sha256, OTHER)
    assert cache.cached(file) is None
    with pytest.raises(ChecksumMismatch, match=pinned(OTHER).sha256) as caught:
        fetch(file)
    assert str(mirror) in str(caught.value)
    assert kept(cache_folder) == []
    assert site.requests == []


@pytest.mark.parametrize("escape", ["../outside", "{outside}", "inside/../../outside", "link", "folder/outside"])
def test_a_manifest_cannot_lead_out_of_its_folder(tmp_path: Path, mirror: Path, escape: str) -> None:
    plant(tmp_path, "outside")
    (mirror / "inside").mkdir()
    (mirror / "link").symlink_to(tmp_path / "outside")
    (mirror / "folder").symlink_to(tmp_path)
    file = pinned(DATA)
    manifest(mirror, f"{escape.format(outside=tmp_path / 'outside')},512000,{file.sha256},MIT")
    assert cache.cached(file) is None
    with pytest.raises(CheckpointNotFound, match="lies outside the folder"):
        fetch(file)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"file,hash\nweights,1\n", "no columns 'path' and 'sha256'"),
        (b"", "no columns 'path' and 'sha256'"),
        (b"path,sha256\n\xff\xfe,1\n", "cannot be read"),
        (b"path,sha256\nno\0where,{sha}\n", "cannot be read"),
        (b"path,sha256\nnowhere,{sha}\n", "which is not there"),
        (b"path,sha256\n.,{sha}\n", "which is not there"),
        (b"path,sha256\nnowhere\n", "no file of that hash"),
        (None, "no file of that hash"),
    ],
)
def test_a_mirror_without_the_file_says_why_and_the_next_source_is_asked(
    site: Site, mirror: Path, text: bytes | None, reason: str
) -> None:
    file = pinned(DATA, f"{site.origin}/files/nothing")
    if text is not None:
        plant(mirror, "MANIFEST.csv", text.replace(b"{sha}", file.sha256.encode()))
    with pytest.raises(CheckpointNotFound, match=reason) as caught:
        fetch(file)
    assert f"mirror {mirror}" in str(caught.value)
    assert fetch(pinned(DATA, f"{site.origin}/files/weights")) == DATA


def test_a_mirror_that_is_not_there_says_so(mirror: Path) -> None:
    mirror.rmdir()
    with pytest.raises(CheckpointNotFound, match="no such folder"):
        fetch(pinned(DATA))


# --- without a network ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("switch", ["MLIP_ZOO_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_says_what_is_missing_and_how_to_bring_it(
    site: Site, file: PinnedFile, monkeypatch: pytest.MonkeyPatch, switch: str
) -> None:
    monkeypatch.setenv(switch, "1")
    with pytest.raises(OfflineError) as caught:
        fetch(file)
    for wanted in (file.sha256, "512,000 bytes", switch, "mlip-zoo fetch a-model --mirror DIR", "MLIP_ZOO_MIRROR=DIR"):
        assert wanted in str(caught.value)
    assert site.requests == []


@pytest.mark.parametrize(("value", "off"), [("1", True), ("TRUE", True), ("yes", True), ("0", False), ("", False)])
def test_the_switch_can_be_off(monkeypatch: pytest.MonkeyPatch, value: str, off: bool) -> None:
    monkeypatch.setenv("MLIP_ZOO_OFFLINE", value)
    assert settings.offline() is off


def test_what_is_here_needs_no_network(site: Site, file: PinnedFile, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch(file)
    monkeypatch.setenv("MLIP_ZOO_OFFLINE", "1")
    assert fetch(file) == DATA
    assert site.count("GET") == 1


def test_an_exported_mirror_serves_a_machine_without_a_network(
    site: Site, file: PinnedFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried = tmp_path / "carried"
    assert cache.export(file, carried, label="a-model").read_bytes() == DATA
    assert [path.name for path in carried.iterdir()] == [file.sha256]

    monkeypatch.setenv("MLIP_ZOO_CACHE", str(tmp_path / "air-gapped"))
    monkeypatch.setenv("MLIP_ZOO_OFFLINE", "1")
    monkeypatch.setenv("MLIP_ZOO_MIRROR", str(carried))
    assert fetch(file) == DATA
    assert site.count("GET") == 1


def test_exporting_again_mends_a_rotten_mirror(file: PinnedFile, tmp_path: Path) -> None:
    exported = cache.export(file, tmp_path / "carried", label="a-model")
    exported.write_bytes(OTHER)
    assert cache.export(file, tmp_path / "carried", label="a-model").read_bytes() == DATA


def test_a_file_that_ships_with_the_package_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "small.safetensors").write_bytes(b"weights")
    monkeypatch.setattr(sources, "BUNDLED", shipped)
    monkeypatch.setenv("MLIP_ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MLIP_ZOO_OFFLINE", "1")
    file = PinnedFile(
        sha256=hashlib.sha256(b"weights").hexdigest(), bytes=7, sources=(BundledSource(bundled="small.safetensors"),)
    )
    assert cache.fetch(file, label="a-model").read_bytes() == b"weights"
    missing = file.model_copy(update={"sha256": "0" * 64, "sources": (BundledSource(bundled="other.safetensors"),)})
    with pytest.raises(OfflineError, match=r"this package's own other\.safetensors"):
        cache.fetch(missing, label="a-model")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", "..", ""])
def test_a_bundled_file_is_a_plain_name(name: str) -> None:
    with pytest.raises(ValueError, match="bundled"):
        BundledSource(bundled=name)
