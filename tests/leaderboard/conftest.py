"""A small zoo with results, for all tests of the leaderboard."""

from __future__ import annotations

from pathlib import Path

import pytest

from leaderboard.collect import Collection, collect
from tests.leaderboard.specimens import MODELS, write_card, write_result


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of three cards that stands for the zoo's own."""
    folder = tmp_path / "cards"
    folder.mkdir()
    for name, model in MODELS.items():
        write_card(folder, name, model)
    monkeypatch.setenv("MLIP_ZOO_CARDS", str(folder))
    return folder


@pytest.fixture
def results(tmp_path: Path, cards: Path) -> Path:
    """Results of the three on the fast subset, and of one of them on the canary."""
    folder = tmp_path / "results"
    for name, model in MODELS.items():
        write_result(folder, name, model)
    return folder


@pytest.fixture
def collection(results: Path) -> Collection:
    return collect([results])
