"""The board as data: what goes in comes out."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

from leaderboard.ranking import export
from leaderboard.ranking.board import boards
from leaderboard.ranking.collect import Collection, collect
from tests.leaderboard.specimens import MODELS, write_card


def test_csv_and_json_hold_the_same_rows(collection: Collection) -> None:
    found = boards(collection.entries)
    rows = json.loads(export.to_json(found))["rows"]
    assert rows == export.flat(found)
    read = list(csv.DictReader(io.StringIO(export.to_csv(found))))
    assert len(read) == len(rows) == 3
    for flat, written in zip(rows, read, strict=True):
        assert written.keys() == flat.keys()
        for column, value in flat.items():
            if value is None:
                assert written[column] == ""
            elif isinstance(value, bool):
                assert written[column] == str(value).lower()
            else:
                assert type(value)(written[column]) == value  # a float comes back to the last bit


def test_rows_say_what_was_measured_and_on_what(collection: Collection) -> None:
    row = export.flat(boards(collection.entries))[0]
    result = collection.entries[2].result
    assert (row["entry"], row["rank"], row["rank_low"]) == ("sevennet-0@conservative", 1, 1)
    assert (row["delta"], row["delta_low"]) == (result.scores["delta"].value, result.scores["delta"].low)
    assert (row["delta_n"], row["delta_missing"], row["samples"], row["failed"]) == (27, 2, 27, 2)
    assert (row["device"], row["threads"], row["force_calls"]) == ("cpu", 2, 189)
    assert row["other_theory"] is False


def test_json_defines_its_metrics(collection: Collection) -> None:
    metrics = json.loads(export.to_json(boards(collection.entries)))["metrics"]["eos"]
    assert [metric["name"] for metric in metrics][:2] == ["delta", "delta_mean"]
    assert {"unit", "better", "doc", "on_failure"} <= metrics[0].keys()


def test_a_title_is_no_formula(results: Path, cards: Path) -> None:
    write_card(cards, "chgnet-0.3.0", replace(MODELS["chgnet-0.3.0"], title="=HYPERLINK(1)"))
    (row,) = (
        row
        for row in csv.DictReader(io.StringIO(export.to_csv(boards(collect([results]).entries))))
        if row["card"] == "chgnet-0.3.0"
    )
    assert row["title"] == "'=HYPERLINK(1)"


def test_no_boards_are_an_empty_table() -> None:
    assert export.to_csv([]) == "\n"
    assert json.loads(export.to_json([])) == {"metrics": {}, "rows": []}
