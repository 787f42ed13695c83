"""The table across tasks: one row a checkpoint, and what kind of number each cell holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from leaderboard.ranking import board
from leaderboard.ranking.collect import Collection, Entry
from leaderboard.ranking.overview import overview
from tests.leaderboard.entries import entry
from zoo.cards.mode import Mode


@pytest.fixture(autouse=True)
def _two_are_enough() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(board, "MIN_ENTRIES", 2)
        yield


def named(task: str, card: str, value: float, **options: object) -> Entry:
    metric = {"eos": "delta", "elasticity": "k_error"}[task]
    return entry(task, card, {metric: value}, **options)  # type: ignore[arg-type]


def test_a_checkpoint_is_one_row_with_its_modes_folded() -> None:
    table = overview(
        [
            named("eos", "one", 1.0),
            named("eos", "one", 1.5, mode=Mode(averaging="o3-3")),
            named("eos", "two", 2.0),
        ]
    )
    assert [[str(row.mode) for row in each.rows] for each in table.checkpoints] == [
        ["conservative", "conservative+o3-3"],
        ["conservative"],
    ]
    assert [each.main.card.name for each in table.checkpoints] == ["one", "two"]


def test_columns_are_grouped_and_a_task_that_was_not_run_is_missing() -> None:
    table = overview([named("elasticity", "one", 5.0), named("eos", "one", 1.0), named("eos", "two", 2.0)])
    assert [(group, [column.name for column in columns]) for group, columns in table.groups] == [
        ("structure & energy", ["eos"]),
        ("elasticity & stability", ["elasticity"]),
    ]
    one, two = table.checkpoints
    assert [cell.state for cell in one.main.cells] == ["ranked", "few entries"]
    assert [(cell.state, cell.reason) for cell in two.main.cells][1] == ("missing", "not run")
    assert table.columns[0].best == 1.0


def test_a_model_of_one_good_number_stands_behind_those_of_many() -> None:
    tasks = {"eos": "delta", "elasticity": "k_error", "diatomics": "tortuosity"}
    many = [entry(task, card, {name: 5.0 + k}) for task, name in tasks.items() for k, card in enumerate(("a", "b"))]
    table = overview([*many, named("eos", "one", 1.0)])
    assert [each.main.card.name for each in table.checkpoints] == ["a", "b", "one"]
    assert table.checkpoints[-1].main.cells[0].rank is not None
    assert table.checkpoints[-1].main.cells[0].rank.place == 1


def test_a_share_of_samples_that_the_model_was_trained_on_is_told() -> None:
    sets = ("mptrj-random", "mptrj-highest-stress", "mpf-tp", "mlearn")
    rows = [{"sample": name, "status": "ok", "set": name, "force_mae": 1.0} for name in (*sets, "canary")]
    fit, other = (entry("forces", card, {"force_mae": 1.0}, rows=rows) for card in ("one", "two"))
    fit = replace(fit, card=fit.card.model_copy(update={"training_sets": ("omat24",), "pretraining_sets": ("mptrj",)}))
    other = replace(other, card=other.card.model_copy(update={"training_sets": ("matpes-pbe",)}))
    found = {row.card.name: row.cells[0].fitted for row in overview([fit, other]).rows}
    assert found == {"one": 0.5, "two": 0.0}
    assert [row.cells[0].fitted for row in overview([named("eos", "one", 1.0)]).rows] == [0.0]


def test_canaries_give_no_column_and_other_subsets_are_told_apart() -> None:
    table = overview(
        [
            named("eos", "one", 1.0),
            named("eos", "two", 2.0),
            named("eos", "three", 0.1, subset="canary"),
            named("elasticity", "three", 0.1, subset="canary"),
        ]
    )
    assert [column.name for column in table.columns] == ["eos"]
    last = dict(table.by_theory)["PBE"][-1].main
    assert (last.card.name, last.cells[0].state, last.cells[0].value) == ("three", "missing", None)
    assert "canary" in last.cells[0].reason


def test_a_demonstration_model_is_the_last_of_its_theory_and_not_ranked(collection: Collection) -> None:
    best, *others = sorted(collection.entries, key=lambda each: each.card.name != "sevennet-0")
    table = overview([replace(best, card=best.card.model_copy(update={"demonstration": True})), *others])
    last = dict(table.by_theory)["PBE"][-1].main
    assert last.card.name == "sevennet-0"
    assert (last.cells[0].state, last.cells[0].rank) == ("demonstration", None)
    assert last.cells[0].value is not None


def test_another_level_of_theory_does_not_compare(collection: Collection) -> None:
    table = overview(collection.entries)
    found = {row.card.name: row.cells[0] for row in table.rows}
    assert found["chgnet-r2scan"].state == "theory"
    assert not found["chgnet-r2scan"].compares
    assert found["sevennet-0"].state == "ranked"
    assert table.columns[0].best == found["sevennet-0"].value
    assert [theory for theory, _ in table.by_theory] == ["PBE", "r2SCAN"]


def test_double_precision_is_a_mode_and_no_rival() -> None:
    entries = [named("eos", "one", 1.0), named("eos", "two", 2.0), named("eos", "one", 0.9, mode=Mode(dtype="float64"))]
    table = overview(entries)
    ranks = {row.name: (row.cells[0].state, row.cells[0].rank) for row in table.rows}
    assert ranks["one@conservative+float64"] == ("mode", None)
    assert ranks["one@conservative"][0] == "ranked"
    assert [len(each.rows) for each in table.checkpoints] == [2, 1]
