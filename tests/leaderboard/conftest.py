"""A small zoo with results, for all tests of the leaderboard."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from leaderboard.ranking import board
from leaderboard.ranking.collect import Collection, collect
from tests.hub_server import Hub, serve_hub
from tests.leaderboard.specimens import MODELS, write_card, write_result


@pytest.fixture(scope="session", autouse=True)
def _two_are_enough() -> Iterator[None]:
    """The specimens are two of one theory and one of another; that a rank takes three is tested on its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(board, "MIN_ENTRIES", 2)
        yield


@pytest.fixture(scope="session")
def specimens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cards and results of three models, made once; tests get copies that they may damage."""
    folder = tmp_path_factory.mktemp("specimens")
    (folder / "cards").mkdir()
    for name, model in MODELS.items():
        write_card(folder / "cards", name, model)
        write_result(folder / "results", name, model)
    return folder


@pytest.fixture
def cards(specimens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of three cards that stands for the zoo's own."""
    folder = shutil.copytree(specimens / "cards", tmp_path / "cards")
    monkeypatch.setenv("MLIP_ZOO_CARDS", str(folder))
    return folder


@pytest.fixture
def results(specimens: Path, tmp_path: Path, cards: Path) -> Path:
    """Results of the three on the fast subset."""
    return shutil.copytree(specimens / "results", tmp_path / "results")


@pytest.fixture
def collection(results: Path) -> Collection:
    return collect([results])


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub on loopback, to which we may write."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    with serve_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.origin)
        monkeypatch.setenv("HF_TOKEN", hub.token)
        yield hub
