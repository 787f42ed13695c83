"""Boards: levels of theory apart, canaries without places, and places that contradict the scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest

from leaderboard.ranking.board import Board, boards
from leaderboard.ranking.collect import Collection, Entry, collect
from leaderboard.ranking.overview import overview
from leaderboard.site.build import pages
from tests.leaderboard.entries import entry
from tests.leaderboard.specimens import MODELS, write_result

EASY = {"a": 1.0, "b": 2.0, "c": 3.0}
HARD = {"d": 10.0, "e": 11.0}


def of(card: str, values: Mapping[str, float]) -> Entry:
    """An entry of eos with these figures; it does not support the other samples."""
    rows = [
        {"sample": name, "status": "ok" if name in values else "unsupported", "delta": values.get(name)}
        for name in EASY | HARD
    ]
    return entry("eos", card, {"delta": median(values.values())}, rows=rows)


def shifted(values: Mapping[str, float], by: float) -> dict[str, float]:
    return {name: value + by for name, value in values.items()}


@pytest.fixture
def contradicted() -> Board:
    """`little` is worse than both others in every sample that it has, and has the best median."""
    (board,) = boards(
        [of("first", EASY | HARD), of("second", shifted(EASY | HARD, 0.1)), of("little", shifted(EASY, 0.2))]
    )
    return board


def test_a_place_that_contradicts_a_score_is_found_beyond_neighbours(contradicted: Board) -> None:
    assert [place.entry.card.name for place in contradicted.places] == ["first", "second", "little"]
    assert {name: [place.entry.card.name for place in before] for name, before in contradicted.outranked.items()} == {
        "little@conservative": ["first", "second"]
    }
    (told,) = contradicted.caveats
    assert told == (
        "†: places compare the samples that two entries have in common; a number is over all that its entry has. "
        "little@conservative (2.20) is behind first@conservative (3.00), second@conservative (3.10)."
    )


def test_the_mark_stands_beside_the_number(contradicted: Board) -> None:
    table = overview([place.entry for place in contradicted.places])
    marked = {row.card.name: bool(row.cells[0].outranked) for row in table.rows}
    assert marked == {"first": False, "second": False, "little": True}


def test_where_all_have_all_samples_nothing_is_contradicted() -> None:
    (board,) = boards([of("first", EASY | HARD), of("second", shifted(EASY | HARD, 0.1))])
    assert board.outranked == {}
    assert board.caveats == ()


def test_levels_of_theory_are_boards_of_their_own(collection: Collection) -> None:
    (board,) = boards(collection.entries)
    pbe, r2scan = board.by_theory
    assert [place.entry.theory for place in pbe.places] == ["PBE", "PBE"]
    assert [place.entry.theory for place in r2scan.places] == ["r2SCAN"]
    assert pbe.ranked == 2
    assert pbe.by_theory == (pbe,)


def test_without_a_reference_too_levels_of_theory_are_ranked_apart(collection: Collection) -> None:
    by_card = {each.card.name: each.card for each in collection.entries}
    entries = []
    for name, value in (("sevennet-0", 0.3), ("chgnet-r2scan", 0.1), ("chgnet-0.3.0", 0.2)):
        rows = [{"sample": "Si", "status": "ok", "rotation_force": value}]
        made = entry("constraints", name, {"rotation_force": value}, rows=rows)
        entries.append(replace(made, card=by_card[name]))
    (board,) = boards(entries)
    found = [(place.entry.card.name, place.rank and place.rank.place) for place in board.places]
    assert found == [("chgnet-0.3.0", 1), ("sevennet-0", 2), ("chgnet-r2scan", None)]


def test_a_canary_is_by_name_and_its_page_speaks_of_no_rank(results: Path) -> None:
    for name in ("sevennet-0", "chgnet-0.3.0"):
        (results / "eos" / f"{name}@conservative.json").unlink()
        write_result(results, name, MODELS[name], "canary")
    (results / "eos" / "chgnet-r2scan@conservative.json").unlink()
    collection = collect([results])
    (board,) = boards(collection.entries)
    assert [place.entry.card.name for place in board.places] == ["chgnet-0.3.0", "sevennet-0"]
    page = pages(collection)[0]["tasks/eos.html"].decode()
    assert "It is no board: there is no rank and no place" in page
    assert "Ranked by" not in page
    assert ">Rank<" not in page


def test_no_table_of_a_task_has_two_levels_of_theory(collection: Collection) -> None:
    page = pages(collection)[0]["tasks/eos.html"].decode()
    tables = page.split("<table")[1:]
    for table in (table.partition("</table>")[0] for table in tables):
        assert not ("chgnet-r2scan.html" in table and "sevennet-0.html" in table)
    assert sum("chgnet-r2scan.html" in table for table in tables) == 1
    assert "part of each error is the difference between the two" in page


def test_samples_are_said_to_be_of_the_metric_that_ranks(collection: Collection) -> None:
    page = pages(collection)[0]["tasks/eos.html"].decode()
    assert "Samples of Δ, median</th>" in page
    assert '<span class="below">n = 25</span>' in page  # of the mean, which failures leave
