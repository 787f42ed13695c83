"""Fixtures and guards of all tests: no settings of the user, no network, no dataset without its mark."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from evaluation.reference import dataset
from zoo import settings
from zoo.cards.checkpoint import PinnedFile
from zoo.checkpoints import cache

# A setting of the person who runs the tests must not decide one: tests set what they need. The cache stays, because the
# families' environments in it are gigabytes.
MIRROR = os.environ.get("MLIP_ZOO_MIRROR")
KEPT = {"MLIP_ZOO_CACHE", "MLIP_ZOO_REQUIRE_ALL"}
for name in [name for name in os.environ if name.startswith(("MLIP_ZOO_", "HF_", "HUGGING_FACE_"))]:
    if name not in KEPT:
        del os.environ[name]
# no test writes into the pins of the person who runs it: no file can be below a file
os.environ["MLIP_ZOO_PINS"] = str(Path(__file__) / "pins.yaml")

# One thread, unless the person says otherwise, and before anything imports numpy or torch: these tests have tiny arrays
# and, where others use the machine, threads that wait for each other made relaxations ten times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples on every machine; time limits would only measure who else uses it.
hypothesis.settings.register_profile("house", derandomize=True, deadline=None)
hypothesis.settings.load_profile("house")


def _ours() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("MLIP_ZOO_")}


def _only(settings_then: dict[str, str]) -> None:
    for name in _ours().keys() - settings_then.keys():
        del os.environ[name]
    os.environ.update(settings_then)


AT_THE_START = _ours()


@pytest.fixture(autouse=True)
def _settings_end_with_the_test() -> Iterator[None]:
    """An option of a command is a variable of this process, and would be the next test's too."""
    before = _ours()
    yield
    _only(before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """And with the module, whose fixtures run commands too: theirs were there before each of its tests."""
    yield
    if nextitem is None or nextitem.path != item.path:
        _only(AT_THE_START)


@pytest.fixture(autouse=True)
def _loopback_only(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that opens a connection to another machine, unless it is marked `network`.

    It sees this process alone: uv, in a process of its own, still reaches the package registries.
    """
    if request.node.get_closest_marker("network"):
        return
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in {"127.0.0.1", "::1", "localhost"}:
            # not an OSError: code under test would take that for a network fault and handle it
            pytest.fail(f"a test without the mark 'network' connects to {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_here)


class ReferenceData:
    """Keeps the datasets, none of which ships, from every test without the mark `data` (or `network`, which downloads).

    Such a test sees the machine of a newcomer, whatever this one's cache holds: asked whether a file is here, the
    answer is no, and a test that goes on to open it fails. With a cache of its own a test may ask what it likes. A
    process that a test starts is out of reach; it is caught where the cache was empty, by the file that it leaves.
    """

    def __init__(self) -> None:
        self.allowed = False
        self.folder = settings.cache_dir()
        self.names = {
            file.sha256: f"{file_name!r} of {name!r}"
            for name in dataset.names()
            for file_name, file in dataset.load(name).files.items()
        }
        self._fetch, self._cached = cache.fetch, cache.cached

    def fetch(self, file: PinnedFile, **options: Any) -> Path:
        if self._withheld(file):
            pytest.fail(f"a test without the mark 'data' opens {self.names[file.sha256]}, which does not ship")
        return self._fetch(file, **options)

    def cached(self, file: PinnedFile) -> Path | None:
        return None if self._withheld(file) else self._cached(file)

    def here(self) -> set[str]:
        """Files of datasets in the cache."""
        return {name for sha256, name in self.names.items() if (self.folder / "blobs" / sha256).exists()}

    def _withheld(self, file: PinnedFile) -> bool:
        return not self.allowed and file.sha256 in self.names and settings.cache_dir() == self.folder


REFERENCE_DATA = ReferenceData()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than cores: a third of the time a test waits for a model's process to start."""
    return (os.cpu_count() or 1) + 1


def pytest_sessionstart() -> None:
    cache.fetch, cache.cached = REFERENCE_DATA.fetch, REFERENCE_DATA.cached


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Fixtures of any scope included: they are made within the first test that asks for them."""
    REFERENCE_DATA.allowed = any(item.get_closest_marker(mark) for mark in ("data", "network"))
    try:
        return (yield)
    finally:
        REFERENCE_DATA.allowed = False


@pytest.fixture(autouse=True)
def _brings_no_dataset() -> Iterator[None]:
    """Fail a test without the mark `data` whose processes brought a dataset into the cache.

    Only where the cache is this run's own, as in CI: other processes of a person bring datasets into theirs meanwhile.
    """
    if "MLIP_ZOO_CACHE" not in os.environ:
        yield
        return
    before = REFERENCE_DATA.here()
    yield
    if not REFERENCE_DATA.allowed and (brought := REFERENCE_DATA.here() - before):
        pytest.fail(f"a process of a test without the mark 'data' opens {', '.join(sorted(brought))}")


@pytest.fixture
def persons_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of checkpoints that the person who runs the tests named, for those that no package carries."""
    if MIRROR:
        monkeypatch.setenv("MLIP_ZOO_MIRROR", MIRROR)


@pytest.fixture(scope="session")
def project_files() -> tuple[str, ...]:
    """Files that are, or are about to be, part of the project; relative to its root."""
    # a checkout that belongs to another user, as in containers, is none of git's worries here
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    root = Path(__file__).parent.parent
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")
    return tuple(name for name in listed if name and (root / name).is_file())


@pytest.fixture(scope="session")
def program() -> Callable[..., str]:
    """Find a program by any of its names. Without it the test is skipped; in CI, where all is required, it fails."""

    def find(*names: str) -> str:
        found = next(filter(None, map(shutil.which, names)), None)
        if found is None:
            (pytest.fail if os.environ.get("MLIP_ZOO_REQUIRE_ALL") else pytest.skip)(f"not installed: {names[0]}")
        return found

    return find


@pytest.fixture(scope="session")
def chromium(program: Callable[..., str]) -> str:
    """The path of a Chromium, for Playwright's `executable_path`."""
    return program("chromium", "chromium-browser", "google-chrome")
