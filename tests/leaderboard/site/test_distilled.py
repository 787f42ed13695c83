"""A model that learned from another one's answers is marked wherever it stands beside others."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from leaderboard.ranking.board import boards
from leaderboard.ranking.collect import Collection, collect
from leaderboard.site.build import pages
from leaderboard.terminal.board import show


@pytest.fixture
def pupil(results: Path, cards: Path) -> Collection:
    path = cards / "chgnet-0.3.0.md"
    text = path.read_text(encoding="utf-8")
    sets = "training_sets: [mptrj, nequix-oam-1-labels]"
    path.write_text(text.replace("training_sets: [mptrj]", sets), encoding="utf-8")
    return collect([results])


def test_the_terminal_and_every_table_of_the_site_say_so(pupil: Collection) -> None:
    console = Console(width=400, record=True)
    show(boards(pupil.entries), pupil.folders, console)
    (row,) = [line for line in console.export_text().splitlines() if " distilled" in line]
    assert "CHGNet 0.3.0" in row
    files, faults = pages(pupil)
    assert faults == []
    for name in ("index.html", "models.html", "models/chgnet-0.3.0.html", "tasks/eos.html"):
        assert files[name].decode().count(">distilled</span>") == 1, name
    assert "answers of nequix-oam-1" in files["tasks/eos.html"].decode()
    assert ">distilled</span>" not in files["models/sevennet-0.html"].decode()
