"""Packed phonons: the same records again, from a symmetric model and from one that breaks every symmetry."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest

from evaluation.harness import packed_table
from evaluation.harness.store import read_records, write_packed, write_records
from evaluation.outputs.quantized_array import pack, unpack, whole
from evaluation.packing.phonons import PACKING
from evaluation.record import Record
from evaluation.task import Row
from evaluation.tasks.phonons import TASK
from tests.evaluation.springs import Springs

ARRAYS = ("forces", "second_forces", "frequencies", "second_frequencies", "qpoints")


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return [*TASK.run(TASK.samples("canary"), Springs()), Record(sample="Xx", status="failed", error="out of memory")]


def broken(record: Record) -> Record:
    """Forces with a part that follows no symmetry and does not vanish in equilibrium, and frequencies of them."""
    forces = unpack(record.outputs["forces"])
    noise = np.random.default_rng(1).normal(0, 0.01, forces.shape[1:]) + np.random.default_rng(2).normal(
        0, 1e-4, forces.shape
    )
    found = {**record.outputs, "forces": pack(forces + noise, quantum=1e-6)}
    again = TASK.analysed(record.model_copy(update={"outputs": found})).frequencies
    return record.model_copy(update={"outputs": {**found, "frequencies": pack(again, quantum=1e-6)}})


def same(found: Record, record: Record) -> None:
    assert found.model_copy(update={"outputs": {}}) == record.model_copy(update={"outputs": {}})
    assert found.outputs.keys() == record.outputs.keys()
    for name, value in record.outputs.items():
        if name in ARRAYS:
            assert np.array_equal(whole(found.outputs[name]), whole(value))
        else:
            assert found.outputs[name] == value


def _figures(records: list[Record]) -> list[Row]:
    """Those that take no data set: all of the canary's."""
    return TASK.table([record for record in records if record.status == "ok"])


def test_records_come_back_and_so_do_their_figures(records: list[Record], tmp_path: Path) -> None:
    path = tmp_path / "packed.parquet"
    write_packed(path, records, task="phonons")
    found = read_records(path)
    for each, record in zip(found, records, strict=True):
        same(each, record)
    assert _figures(found) == _figures(records)
    write_records(tmp_path / "raw.parquet", records)
    assert path.stat().st_size < 0.5 * (tmp_path / "raw.parquet").stat().st_size


def test_a_model_without_symmetry_loses_nothing(records: list[Record], tmp_path: Path) -> None:
    record = broken(records[1])
    write_packed(tmp_path / "packed.parquet", [record], task="phonons")
    same(read_records(tmp_path / "packed.parquet")[0], record)


def test_frequencies_that_do_not_follow_from_the_forces_are_stored(records: list[Record]) -> None:
    other = pack(0.9 * unpack(records[0].outputs["frequencies"]), quantum=1e-6)
    outputs = {**records[0].outputs, "frequencies": other}
    packed = PACKING.coarsened(PACKING.pack(outputs), 1)
    assert packed.rest["frequencies"] == other
    assert PACKING.unpack(packed)["frequencies"] == other


def test_where_a_file_is_too_large_the_full_set_is_coarser_and_says_so(
    records: list[Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, path = broken(records[1]), tmp_path / "packed.parquet"
    write_packed(path, [record], task="phonons")
    monkeypatch.setattr(packed_table, "LARGEST", path.stat().st_size)
    write_packed(path, [record], task="phonons")
    found = read_records(path)[0].outputs
    stated = cast("dict[str, float]", found["forces"])["full_set_resolution"]
    assert stated == 2e-6
    change = np.abs(unpack(found["forces"]) - unpack(record.outputs["forces"])).max(axis=(1, 2))
    reduced = [0, *(1 + k for k in cast("list[int]", record.outputs["reduced_set"]))]
    assert change[reduced].max() == 0
    assert 0 < change.max() <= stated / 2 * (1 + 1e-9)
    for name in ("frequencies", "second_frequencies", "second_forces", "residuals_full"):
        assert found[name] == record.outputs[name]
    monkeypatch.setattr(packed_table, "LARGEST", 1_000_000)  # what was coarser does not pretend to be finer
    write_packed(path, read_records(path), task="phonons")
    assert read_records(path)[0].outputs == found
