"""A machine without the reference data: results stand as published, and every page says what was not checked."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from evaluation import task as tasks
from evaluation.errors import DatasetUnavailable
from leaderboard.ranking import collect as collecting
from leaderboard.ranking import export, scored
from leaderboard.ranking.board import boards
from leaderboard.ranking.collect import PUBLISHED, Collection, collect
from leaderboard.site.build import pages
from leaderboard.terminal.board import show

BRINGS = "mlip-zoo datasets acwf --fetch"


def away(_: object) -> list[object]:
    raise DatasetUnavailable("not here", dataset="acwf")


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(scored, "FOLDER", tmp_path / "scored")  # what ships of published results knows the names
    collecting.sample_names.cache_clear()
    yield
    collecting.sample_names.cache_clear()


@pytest.fixture
def nameless(results: Path, forgetful: None, monkeypatch: pytest.MonkeyPatch) -> Collection:
    """The specimens where the names of the samples are unknown: the records hold their reference."""
    monkeypatch.setattr(tasks.load("eos"), "samples", away)
    return collect([results])


@pytest.fixture
def without(collection: Collection, results: Path, forgetful: None, monkeypatch: pytest.MonkeyPatch) -> Collection:
    """The specimens where not even figures can be had; `collection` is from before the data went."""
    monkeypatch.setattr(tasks.load("eos"), "samples", away)
    monkeypatch.setattr(tasks.load("eos"), "table", away)
    return collect([results])


def test_records_that_hold_their_reference_lack_one_check_alone(nameless: Collection) -> None:
    assert nameless.faults == ()
    for entry in nameless.entries:
        assert (entry.unchecked, entry.lacks, len(entry.rows)) == (("samples",), "acwf", 27)
        assert entry.caveat is not None
        assert "Table and pictures" not in entry.caveat
    board = boards(nameless.entries)[0]
    assert not board.by_score
    assert [bool(place.rank and place.rank.low is not None) for place in board.places] == [True, True, False]


def test_results_stand_with_scores_and_places(without: Collection, collection: Collection) -> None:
    assert without.faults == ()
    assert [entry.unchecked for entry in without.entries] == [("samples", "scores")] * 3
    (board,) = boards(without.entries)
    (whole,) = boards(collection.entries)
    assert board.by_score
    assert not whole.by_score
    assert whole.caveats == ()
    for place, known in zip(board.places, whole.places, strict=True):
        assert place.entry.result == known.entry.result
        assert (place.rank is None) == (known.rank is None) == place.entry.other_theory
        if place.rank and known.rank:
            assert (place.rank.place, place.rank.low, place.rank.high) == (known.rank.place, None, None)


def test_the_site_says_so_and_how_to_have_the_rest(without: Collection) -> None:
    files, faults = pages(without)
    assert faults == []
    for name in ("index.html", "tasks/eos.html", "models/sevennet-0.html"):
        page = files[name].decode()
        assert BRINGS in page, name
        assert "None" not in page, name
    page = files["models/sevennet-0.html"].decode()
    assert "Table and pictures of the samples are missing" in page
    assert "Rank 1 of 2. It follows from the scores alone" in page
    assert "Figures per sample" not in page
    assert 'class="panel"' not in page


def test_the_terminal_and_the_data_say_so(without: Collection) -> None:
    found = boards(without.entries)
    console = Console(width=400, record=True)
    show(found, without.folders, console)
    text = console.export_text()
    assert text.count(BRINGS) == 1
    assert "Ranked by the scores alone" in text
    assert "None" not in text
    read = list(csv.DictReader(io.StringIO(export.to_csv(found))))
    assert [(row["unchecked"], row["rank"], row["rank_low"]) for row in read] == [
        ("samples scores", place, "") for place in ("1", "2", "")
    ]


def test_a_result_without_a_score_of_each_metric_is_a_fault(results: Path, without: Collection) -> None:
    path = results / "eos" / "sevennet-0@conservative.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    del data["scores"]["delta"]
    path.write_text(json.dumps(data), encoding="utf-8")
    (fault,) = collect([results]).faults
    assert "sevennet-0@conservative.json: scores" in fault


@pytest.mark.slow
def test_what_is_published_needs_no_data(forgetful: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLIP_ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MLIP_ZOO_OFFLINE", "1")
    monkeypatch.delenv("MLIP_ZOO_MIRROR", raising=False)
    found = collect([PUBLISHED])
    assert found.faults == ()
    assert pages(found)[1] == []
