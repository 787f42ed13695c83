"""The tables of the site as data: three formats that agree, with the columns that the page of their schema names."""

from __future__ import annotations

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leaderboard.ranking import export
from leaderboard.ranking.board import boards
from leaderboard.ranking.collect import Collection
from leaderboard.ranking.export_columns import COLUMNS
from leaderboard.site.data_files import FRONT_COLUMNS, data_files
from leaderboard.site.front import CLAIMS, front
from leaderboard.site.manifest import Made

Rows = list[dict[str, object]]


@pytest.fixture
def files(collection: Collection) -> Made:
    found = boards(collection.entries)
    return data_files(front(collection.entries, found, []), found)


def parquet(data: str | bytes) -> Rows:
    assert isinstance(data, bytes)
    with pq.ParquetFile(pa.BufferReader(data)) as file:
        rows: Rows = file.read().to_pylist()
    return rows


def text(data: str | bytes) -> str:
    assert isinstance(data, str)
    return data


@pytest.mark.parametrize("name", ["front", "board", "boards/eos-fast"])
def test_three_formats_hold_the_same_rows(files: Made, name: str) -> None:
    rows = json.loads(text(files[f"data/{name}.json"]))["rows"]
    assert len(rows) == 3
    assert parquet(files[f"data/{name}.parquet"]) == rows
    read = list(csv.DictReader(io.StringIO(text(files[f"data/{name}.csv"]))))
    assert [list(row) for row in read] == [list(row) for row in parquet(files[f"data/{name}.parquet"])]
    assert [row["entry"] for row in read] == [row["entry"] for row in rows]


def test_columns_are_those_of_the_schema(files: Made) -> None:
    (row, *_) = parquet(files["data/front.parquet"])
    told = [name for names, _, _ in FRONT_COLUMNS for name in names.split(", ")]
    named = [name for name in told if not name.startswith("CLAIM")]
    assert list(row) == [
        *(name.replace("TASK", "eos") for name in named),
        *(name.replace("CLAIM", claim) for claim in CLAIMS for name in told if name.startswith("CLAIM")),
    ]
    (row, *_) = parquet(files["data/boards/eos-fast.parquet"])
    assert [name for name in row if name in {column for column, _, _ in COLUMNS}] == [name for name, _, _ in COLUMNS]


def test_headline_figures_are_the_scores(files: Made, collection: Collection) -> None:
    found = json.loads(text(files["data/results.json"]))
    assert {each["entry"]: (each["value"], each["low"], each["n"]) for each in found} == {
        entry.name: ((score := entry.result.scores["delta"]).value, score.low, score.n) for entry in collection.entries
    }
    assert [each["rank"] for each in found] == [1, 2, None]
    assert found[2]["unranked"]
    assert {(each["task"], each["subset"], each["unit"], each["better"]) for each in found} == {
        ("eos", "fast", "meV/atom", "lower")
    }


def test_a_column_of_a_table_has_one_type() -> None:
    rows: list[dict[str, export.Cell]] = [{"a": 1, "b": None, "c": True, "d": "x"}, {"a": 2.5, "c": None}]
    assert parquet(export.parquet_of(rows)) == [
        {"a": 1.0, "b": None, "c": True, "d": "x"},
        {"a": 2.5, "b": None, "c": None, "d": None},
    ]
