"""The ledger: chunks know what they took, runs sum it up, and what was not measured is None."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from packaging.requirements import Requirement

from evaluation.harness.metering import EnergyCounter, Meter
from evaluation.harness.run import Evaluation
from evaluation.harness.store import read_cost, write_records
from evaluation.ledger import ChunkCost, Ledger
from evaluation.record import Record
from evaluation.result import Cost, Result, read_result
from evaluation.task import load
from tests import toy

PUBLISHED = Path(__file__).parents[3] / "leaderboard" / "results"


def chunk(began: float, seconds: float, **others: Any) -> ChunkCost:
    return ChunkCost(began=began, seconds=seconds, host_cpu_seconds=seconds / 2, host_memory_gb=1.0, **others)


def test_a_run_sums_up_its_chunks_and_two_workers_side_by_side_share_the_wall_time() -> None:
    found = Ledger.of(
        [chunk(10.0, 4.0, worker_memory_gb=2.0), chunk(12.0, 4.0, worker_memory_gb=3.0), chunk(30.0, 1.0)]
    )
    assert found is not None
    assert (found.wall_seconds, found.device_seconds, found.host_cpu_seconds) == (7.0, 9.0, 4.5)
    assert (found.worker_memory_gb, found.device_memory_gb, found.energy_joules) == (3.0, None, None)


def test_energy_is_a_sum_over_all_chunks_or_none() -> None:
    all_of_them = Ledger.of([chunk(0.0, 1.0, energy_joules=5.0), chunk(1.0, 1.0, energy_joules=7.0)])
    one_of_them = Ledger.of([chunk(0.0, 1.0, energy_joules=5.0), chunk(1.0, 1.0)])
    assert (all_of_them and all_of_them.energy_joules) == 12.0
    assert one_of_them is not None
    assert one_of_them.energy_joules is None


def test_a_run_with_a_chunk_that_nobody_measured_has_no_ledger() -> None:
    assert Ledger.of([chunk(0.0, 1.0), None]) is None
    assert Ledger.of([]) is None


def test_a_shard_carries_its_cost_and_one_without_says_none(tmp_path: Path) -> None:
    records = [Record(sample="Al", status="ok")]
    cost = chunk(1.0, 2.0)
    write_records(tmp_path / "with.parquet", records, cost=cost)
    write_records(tmp_path / "without.parquet", records)
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1")
    costs = [read_cost(tmp_path / f"{name}.parquet") for name in ("with", "without", "damaged", "missing")]
    assert costs == [cost, None, None, None]


def test_a_continued_run_has_the_ledger_of_all_its_chunks(tmp_path: Path) -> None:
    def evaluate(subset: Any) -> Result:
        job = Evaluation(
            potential, load("eos"), subset=subset, threads=1, runs=tmp_path / "runs", results=tmp_path / "results"
        )
        return job.run()

    with toy.potential(tmp_path) as potential:
        small = evaluate("canary").run.cost
        large = evaluate("fast").run.cost
    assert small.ledger is not None
    assert large.ledger is not None
    assert large.ledger.device_seconds > small.ledger.device_seconds >= small.seconds
    assert large.ledger.wall_seconds == pytest.approx(large.ledger.device_seconds)
    assert large.ledger.worker_memory_gb == large.peak_memory_gb
    assert large.ledger.device_memory_gb is None
    assert large.ledger.worker_cpu_seconds is not None
    assert small.ledger.worker_cpu_seconds is not None
    assert large.ledger.worker_cpu_seconds > small.ledger.worker_cpu_seconds > 0
    assert read_result(tmp_path / "results" / "eos" / "toy@conservative.json").run.cost == large


def test_a_result_from_before_there_was_a_ledger_keeps_its_bytes(tmp_path: Path) -> None:
    path = PUBLISHED / "eos" / "chgnet-0.3.0@conservative.json"
    read_result(path).write(tmp_path)
    assert (tmp_path / "eos" / path.name).read_bytes() == path.read_bytes()
    assert "ledger" not in Cost.of([], calls_per_answer=1, peak_memory_gb=None).model_dump()


class OnAccelerator:
    """A model on the second visible device."""

    info: dict[str, Any] = {"accelerator": "Example 9000", "device": "cuda:1"}  # noqa: RUF012
    memory_gb = 11.0
    process_memory_gb = 2.0
    process_cpu_seconds = 7.0


def test_the_energy_is_that_of_the_visible_device(monkeypatch: pytest.MonkeyPatch) -> None:
    millijoules = iter([5_000, 9_500])
    asked: list[int] = []

    def handle(index: int) -> int:
        asked.append(index)
        return index

    driver = SimpleNamespace(
        NVMLError=RuntimeError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex=handle,
        nvmlDeviceGetTotalEnergyConsumption=lambda _: next(millijoules),
    )
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    with Meter(OnAccelerator()) as meter:
        pass
    assert asked == [6]
    assert meter.cost is not None
    assert (meter.cost.energy_joules, meter.cost.worker_cpu_seconds) == (4.5, 0.0)
    assert (meter.cost.device_memory_gb, meter.cost.worker_memory_gb) == (11.0, 2.0)


def test_a_device_that_does_not_tell_its_energy_has_none_and_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise RuntimeError("Driver Not Loaded")

    reasons = [
        (None, "the package nvidia-ml-py is missing: pip install 'mlip-zoo[energy]'"),
        (SimpleNamespace(NVMLError=RuntimeError, nvmlInit=refuse), "NVML: RuntimeError: Driver Not Loaded"),
    ]
    for driver, reason in reasons:
        monkeypatch.setitem(sys.modules, "pynvml", driver)
        assert EnergyCounter("cuda").joules() is None
        with Meter(OnAccelerator()) as meter:
            pass
        assert meter.cost is not None
        assert (meter.cost.energy_joules, meter.cost.energy_unknown) == (None, reason)
        ledger = Ledger.of([chunk(0.0, 1.0, energy_joules=5.0), meter.cost])
        assert ledger is not None
        assert (ledger.energy_joules, ledger.energy_unknown) == (None, reason)
        assert Ledger.model_validate_json(ledger.model_dump_json()) == ledger


def test_a_cpu_has_neither_energy_nor_a_reason() -> None:
    ledger = Ledger.of([chunk(0.0, 1.0)])
    assert ledger is not None
    assert ledger.energy_joules is None
    assert "energy_unknown" not in ledger.model_dump()


def test_the_extra_brings_what_the_reason_asks_for() -> None:
    project = tomllib.loads((PUBLISHED.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    (line,) = project["project"]["optional-dependencies"]["energy"]
    assert Requirement(line).name == "nvidia-ml-py"
