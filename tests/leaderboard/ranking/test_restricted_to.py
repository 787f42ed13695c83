"""A larger run on the board of a smaller subset: as if it had been run on that alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evaluation import task as tasks
from evaluation.errors import DatasetUnavailable
from leaderboard.ranking.board import Board, boards
from leaderboard.ranking.collect import Entry, collect
from leaderboard.site.entry_section import sections
from leaderboard.site.templating import data_path
from tests.leaderboard.specimens import MODELS, write_result

NAME = "chgnet-0.3.0"


@pytest.fixture
def found(results: Path, tmp_path: Path) -> list[Board]:
    """Three models that ran the fast subset, and SevenNet-0 that ran its canary."""
    local = tmp_path / "local"
    for name in MODELS:
        write_result(local, name, MODELS[name], "canary" if name == "sevennet-0" else "fast")
    return boards(collect([local]).entries)


def entry_of(board: Board, card: str) -> Entry:
    return next(place.entry for place in board.places if place.entry.card.name == card)


def test_a_larger_run_has_a_place_and_a_smaller_one_has_none_on_the_larger_board(found: list[Board]) -> None:
    shown = {board.subset: {place.entry.card.name for place in board.places} for board in found}
    assert shown == {"fast": set(MODELS) - {"sevennet-0"}, "canary": set(MODELS)}
    canary = next(board for board in found if board.subset == "canary")
    assert canary.samples == len(tasks.load("eos").samples("canary"))
    assert all(place.rank or place.unranked for place in canary.places)


def test_scores_counts_and_costs_are_of_the_smaller_subset(results: Path) -> None:
    whole = next(entry for entry in collect([results]).entries if entry.card.name == NAME)
    part = whole.restricted_to("canary")
    assert part is not None
    names = {sample.id for sample in tasks.load("eos").samples("canary")}
    assert {record.sample for record in part.records} == {row["sample"] for row in part.rows} == names
    run = part.result.run
    assert (run.subset, run.counts.total) == ("canary", len(names))
    assert part.result.scores == whole.task.score([row for row in whole.rows if row["sample"] in names])
    assert run.cost.seconds == pytest.approx(sum(record.seconds for record in part.records))
    assert run.cost.seconds < whole.result.run.cost.seconds
    assert run.commits == whole.result.run.commits
    assert part.part_of is whole


def test_its_files_are_those_of_the_run(found: list[Board]) -> None:
    fast, canary = found
    assert data_path(entry_of(canary, NAME), ".json") == data_path(entry_of(fast, NAME), ".json")
    assert "/fast/" in data_path(entry_of(canary, NAME), ".json")


def test_a_page_shows_one_run_once(found: list[Board]) -> None:
    mine = [(board, place) for board in found for place in board.places if place.entry.card.name == NAME]
    shown = sections(mine)
    assert len(mine) == 2
    assert [section.board.subset for section in shown] == ["fast"]


def test_what_cannot_be_restricted_stays_where_it_is(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = collect([results]).entries[0]
    assert replace(whole, rows=()).restricted_to("canary") is None
    away = DatasetUnavailable("not here", dataset="acwf")
    monkeypatch.setattr("leaderboard.ranking.collect.sample_names", lambda *_: away)
    assert whole.restricted_to("canary") is None
