"""Checkpoints from a Hub: the real huggingface_hub client against the Hub on loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.hub_server import Hub, serve_hub
from tests.pinned import DATA, kept, pinned
from zoo.cards.checkpoint import HubSource, PinnedFile, UrlSource
from zoo.checkpoints import cache, download
from zoo.errors import CheckpointNotFound, ChecksumMismatch

OTHER = DATA[::-1]
REPOSITORY = "lab/model"
WEIGHTS = "weights/model.safetensors"
METADATA = f"(GET|HEAD) /{REPOSITORY}/resolve/"


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("MLIP_ZOO_CACHE", str(folder))
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with serve_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.origin)
        # the token of the person who runs the tests, and the files of theirs, must not decide one
        monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub-cache"))
        yield hub


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that retries would have waited: the client's, and ours."""
    waited: list[float] = []
    for module in ("huggingface_hub.utils._http", "huggingface_hub.file_download"):
        monkeypatch.setattr(f"{module}.time", SimpleNamespace(sleep=waited.append))
    monkeypatch.setattr(download, "sleep", waited.append)
    return waited


@pytest.fixture
def source(hub: Hub) -> HubSource:
    """A large file, at a commit that is no longer the newest."""
    commit = hub.add(REPOSITORY, {WEIGHTS: DATA, "config.json": b'{"cutoff": 5.0}'})
    hub.add(REPOSITORY, {WEIGHTS: OTHER, "config.json": b"{}"})
    return HubSource(hub=REPOSITORY, revision=commit, file=WEIGHTS)


def fetch(file: PinnedFile) -> bytes:
    return cache.fetch(file, label="a-model").read_bytes()


def why(source: HubSource) -> str:
    """What is said about a source that does not have the file."""
    with pytest.raises(CheckpointNotFound) as caught:
        fetch(pinned(DATA, source))
    first, line = str(caught.value).splitlines()
    assert first.startswith("a-model: no source has ")
    assert str(source) in line
    return line


# --- what is there ----------------------------------------------------------------------------------------------------


def test_the_pinned_commit_is_fetched_not_the_newest(hub: Hub, source: HubSource, cache_folder: Path) -> None:
    told: list[tuple[int, int]] = []
    file = pinned(DATA, source)
    path = cache.fetch(file, label="a-model", progress=lambda done, total: told.append((done, total)))
    assert path.read_bytes() == DATA
    assert kept(cache_folder) == [f"blobs/{file.sha256}"]
    assert told == [(len(DATA), len(DATA))] * 2  # the client's only chunk, and the end
    assert fetch(file) == DATA
    assert hub.cdn.count("GET /lfs/") == 1


def test_a_small_file_is_fetched(source: HubSource) -> None:
    text = b'{"cutoff": 5.0}'
    assert fetch(pinned(text, source.model_copy(update={"file": "config.json"}))) == text


def test_the_persons_own_hub_cache_is_neither_believed_nor_filled(hub: Hub, source: HubSource, tmp_path: Path) -> None:
    snapshot = tmp_path / "hub-cache" / "models--lab--model" / "snapshots" / source.revision
    (snapshot / WEIGHTS).parent.mkdir(parents=True)
    (snapshot / WEIGHTS).write_bytes(OTHER)
    assert fetch(pinned(DATA, source)) == DATA
    assert [path for path in (tmp_path / "hub-cache").rglob("*") if path.is_file()] == [snapshot / WEIGHTS]


def test_nothing_is_written_outside_the_cache(source: HubSource, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    command = [sys.executable, "-B", "-c", FETCH, pinned(DATA, source).model_dump_json()]
    subprocess.run(command, env={**environment, "HOME": str(home)}, check=True)
    assert list(home.rglob("*")) == []


# --- what is not there ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"revision": "0" * 40}, "the repository has no commit " + "0" * 40),
        ({"hub": "lab/nothing"}, "no such repository"),
        ({"file": "weights/other.safetensors"}, "no such file at that commit"),
        ({"hub": "lab/a--b"}, "Cannot have -- or .."),
    ],
)
def test_a_source_that_does_not_exist_says_what_is_wrong(
    hub: Hub, source: HubSource, cache_folder: Path, change: dict[str, str], reason: str
) -> None:
    wrong = source.model_copy(update=change)
    assert reason in why(wrong)
    assert kept(cache_folder) == []
    assert fetch(pinned(DATA, wrong, source)) == DATA


@pytest.mark.parametrize("token", [None, "hf_other"])
def test_a_gated_repository_says_how_to_get_in(
    hub: Hub, source: HubSource, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    hub.repositories[REPOSITORY].gated = True
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    told = why(source)
    for wanted in ("gated", f"accept the licence on {hub.origin}/{REPOSITORY}", "`hf auth login`"):
        assert wanted in told


def test_a_gated_repository_is_no_obstacle_when_another_source_has_the_file(hub: Hub, source: HubSource) -> None:
    hub.repositories[REPOSITORY].gated = True
    elsewhere = UrlSource(url=f"{hub.cdn.origin}/lfs/{pinned(DATA).sha256}")
    assert fetch(pinned(DATA, source, elsewhere)) == DATA


def test_a_member_gets_in_and_the_token_stays_with_the_hub(
    hub: Hub, source: HubSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repositories[REPOSITORY].gated = True
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert fetch(pinned(DATA, source)) == DATA
    assert any("authorization" in request.headers for request in hub.requests)
    assert not any("authorization" in request.headers for request in hub.cdn.requests)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_without_a_reason_says_what_may_help(hub: Hub, source: HubSource, status: int) -> None:
    hub.fault(METADATA, status=status, times=None)
    assert f"HTTP {status}" in (told := why(source))
    assert "`hf auth login`" in told


def test_a_hub_that_cannot_be_reached_is_not_waited_for(
    source: HubSource, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nothing listens on the discard port
    assert "cannot be reached" in why(source)
    assert waits == []


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [
        ("no-scheme", "missing an 'http://'"),
        ("http://127.0.0.1:port", "port"),
        ("ftp://127.0.0.1", "protocol 'ftp://'"),
    ],
)
def test_an_endpoint_that_is_no_address_says_so(
    source: HubSource, monkeypatch: pytest.MonkeyPatch, endpoint: str, reason: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    assert reason in why(source)


def test_a_page_that_is_no_hub_says_so(hub: Hub, source: HubSource, waits: list[float]) -> None:
    hub.fault(METADATA, status=200, times=None)
    assert "X-Repo-Commit" in why(source)
    assert waits == []


# --- trouble on the way -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_hub_is_asked_again_when_it_says(hub: Hub, source: HubSource, waits: list[float], status: int) -> None:
    hub.fault(METADATA, status=status, headers={"Retry-After": "7"}, times=2)
    assert fetch(pinned(DATA, source)) == DATA
    assert waits == [7.0, 7.0]


def test_a_hub_that_asks_for_an_hour_is_left(hub: Hub, source: HubSource, waits: list[float]) -> None:
    hub.fault(METADATA, status=429, headers={"Retry-After": "3600"}, times=None)
    assert "asks to come back in 3600 s" in why(source)
    assert waits == []


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_cdn_is_asked_again(hub: Hub, source: HubSource, waits: list[float], status: int) -> None:
    hub.cdn.fault("GET /lfs/", status=status, headers={"Retry-After": "7"}, times=2)
    assert fetch(pinned(DATA, source)) == DATA
    assert hub.cdn.count("GET /lfs/") == 3
    assert len(waits) == 2
    assert min(waits) >= 7


@pytest.mark.parametrize("where", ["hub", "cdn"])
def test_a_hub_that_stays_busy_is_left(hub: Hub, source: HubSource, cache_folder: Path, where: str) -> None:
    site, pattern = (hub, METADATA) if where == "hub" else (hub.cdn, "GET /lfs/")
    site.fault(pattern, status=503, times=None)
    assert "HTTP 503 Service Unavailable" in why(source)
    assert kept(cache_folder) == []
    assert len(site.requests) == download.TRIES


@pytest.mark.parametrize(("chunk", "second"), [(None, None), (10_000, "bytes=100000-")])
def test_a_truncated_download_is_taken_up(
    hub: Hub, source: HubSource, monkeypatch: pytest.MonkeyPatch, chunk: int | None, second: str | None
) -> None:
    if chunk is not None:  # the client resumes whole chunks, of 10 MB
        monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", chunk)
    hub.cdn.fault("GET /lfs/", cut=100_000)
    assert fetch(pinned(DATA, source)) == DATA
    assert [request.headers.get("range") for request in hub.cdn.requests] == [None, second]


def test_a_file_that_is_shorter_than_announced_is_asked_for_again(
    hub: Hub, source: HubSource, cache_folder: Path
) -> None:
    hub.cdn.fault("GET /lfs/", body=DATA[:1000], times=2)
    assert fetch(pinned(DATA, source)) == DATA
    assert hub.cdn.count("GET /lfs/") == 3


def test_wrong_bytes_are_refused_with_both_hashes_and_leave_nothing(
    hub: Hub, source: HubSource, cache_folder: Path
) -> None:
    hub.cdn.fault("GET /lfs/", body=OTHER, times=None)
    spare = source.model_copy(update={"file": "config.json"})
    with pytest.raises(ChecksumMismatch) as caught:
        fetch(pinned(DATA, source, spare))
    for wanted in (pinned(DATA).sha256, pinned(OTHER).sha256, str(source)):
        assert wanted in str(caught.value)
    assert kept(cache_folder) == []
    assert not any("config.json" in request.path for request in hub.requests)


def test_another_file_than_the_pinned_one_is_refused(source: HubSource, cache_folder: Path) -> None:
    with pytest.raises(ChecksumMismatch, match="15 bytes"):
        fetch(pinned(DATA, source.model_copy(update={"file": "config.json"})))
    assert kept(cache_folder) == []


@pytest.mark.parametrize("announced", [True, False])
def test_no_more_of_a_larger_file_is_fetched_than_shows_that_it_is(
    hub: Hub, source: HubSource, cache_folder: Path, monkeypatch: pytest.MonkeyPatch, announced: bool
) -> None:
    """The pin says ten bytes, and the Hub has half a megabyte; it may say so, or that it has ten."""
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 10_000)
    file = pinned(DATA[:10], source)
    if not announced:
        small = hub.add(REPOSITORY, {WEIGHTS: DATA[:10]})
        file = pinned(DATA[:10], source.model_copy(update={"revision": small}))
        hub.cdn.fault("GET /lfs/", body=DATA, times=None)
    came = "512,000 bytes" if announced else "20,000 bytes or more"
    with pytest.raises(ChecksumMismatch, match=f"came:   {came}\n"):
        fetch(file)
    assert hub.cdn.count("GET /lfs/") == (0 if announced else 1)
    assert kept(cache_folder) == []


FETCH = """
import sys
from zoo.checkpoints import cache
from zoo.cards.checkpoint import PinnedFile
cache.fetch(PinnedFile.model_validate_json(sys.argv[1]), label="a-model")
"""


def test_a_killed_download_starts_again_and_litter_does_not_pile_up(
    hub: Hub, source: HubSource, cache_folder: Path
) -> None:
    hub.cdn.fault("GET /lfs/", pause=0.2, times=2)
    file = pinned(DATA, source)
    for _ in range(2):
        downloads = hub.cdn.count("GET /lfs/")
        child = subprocess.Popen([sys.executable, "-c", FETCH, file.model_dump_json()])
        deadline = time.monotonic() + 600
        while hub.cdn.count("GET /lfs/") == downloads:
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert sum(name.endswith(".incomplete") for name in kept(cache_folder)) == 1
    assert fetch(file) == DATA
    assert kept(cache_folder) == [f"blobs/{file.sha256}"]
