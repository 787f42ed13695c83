"""Packed forces of frames: forces exactly, stresses and energies to a stated resolution."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from evaluation.errors import StoreError
from evaluation.harness.store import read_records, read_statuses, write_packed
from evaluation.packing.forces import PACKING
from evaluation.record import Record


def outputs(seed: int, *, reference: bool = True, decimals: int = 4) -> dict[str, object]:
    rng = np.random.default_rng(seed)
    told = {
        "forces_pred": np.round(rng.normal(0, 2, (5, 3)), decimals).tolist(),
        "stress_pred": rng.normal(0, 0.01, 6).tolist(),
        "energy_pred": float(rng.normal(-20, 5)),
        "forces_ref": np.round(rng.normal(0, 2, (5, 3)), decimals).tolist(),
        "stress_ref": rng.normal(0, 0.01, 6).tolist(),
        "energy_ref": float(rng.normal(-20, 5)),
        "composition": {"Li": 5},
    }
    return told if reference else told | dict.fromkeys(("forces_ref", "stress_ref", "energy_ref"))


def record(name: str, **told: object) -> Record:
    return Record(sample=name, status="ok", outputs=told, force_calls=1, atom_calls=5, seconds=0.1)  # type: ignore[arg-type]


@pytest.fixture
def records() -> list[Record]:
    return [
        record("a", **outputs(1)),
        record("b", **outputs(2, reference=False)),
        record("c", **outputs(3) | {"stress_pred": None}),
        record("d", **outputs(4, decimals=6)),  # of an earlier protocol, say
        record("e", **outputs(5) | {"energy_pred": -1e9}),
        Record(sample="f", status="failed", error="it stopped"),
    ]


def test_records_come_back(records: list[Record], tmp_path: Path) -> None:
    path = tmp_path / "packed.parquet"
    write_packed(path, records, task="forces")
    found = read_records(path)
    assert [each.model_dump(exclude={"outputs"}) for each in found] == [
        each.model_dump(exclude={"outputs"}) for each in records
    ]
    assert read_statuses(path) == [each.status for each in records]
    for each, stored in zip(found, records, strict=True):
        assert each.outputs.keys() == stored.outputs.keys()
        for name, value in stored.outputs.items():
            within = {"stress": 0.5e-8, "energy": 0.5e-6}.get(name.partition("_")[0])
            expected = value if within is None or value is None else pytest.approx(value, abs=within * 1.0001, rel=0)
            assert each.outputs[name] == expected


def test_packing_again_changes_nothing(records: list[Record], tmp_path: Path) -> None:
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    write_packed(first, records, task="forces")
    write_packed(second, read_records(first), task="forces")
    assert second.read_bytes() == first.read_bytes()


def test_a_file_says_what_its_numbers_are(records: list[Record], tmp_path: Path) -> None:
    write_packed(tmp_path / "packed.parquet", records, task="forces")
    told = (pq.read_schema(tmp_path / "packed.parquet").metadata or {})[b"mlip_zoo_packing"].decode()
    assert '"forces_ref": "1e-4 eV/Å' in told
    assert f'"version": {PACKING.version}' in told


def test_a_later_packing_is_not_guessed_at(
    records: list[Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_packed(tmp_path / "packed.parquet", records, task="forces")
    monkeypatch.setattr(type(PACKING), "version", 7)
    with pytest.raises(StoreError, match="packed as forces 1, which this version of mlip-zoo does not read"):
        read_records(tmp_path / "packed.parquet")
