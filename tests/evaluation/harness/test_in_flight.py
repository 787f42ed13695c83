"""Chunks run together on an accelerator: by atoms, with the records and the files that they have one by one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ase import Atoms

from evaluation.harness import in_flight
from evaluation.harness.in_flight import together
from evaluation.harness.run import Evaluation, RunProgress
from evaluation.harness.store import Chunk, read_cost, read_records
from evaluation.ledger import ChunkCost, Ledger
from evaluation.task import Sample, load
from tests import toy
from zoo.errors import WorkerDied
from zoo.potential import Potential

TASK = load("eos")
FIELDS = {"seconds"}


class Accelerated(Potential):
    """Says that it is on an accelerator."""

    @property
    def info(self) -> dict[str, Any]:
        return {**super().info, "accelerator": "Example 9000"}


def chunk(name: str, atoms: int) -> Chunk:
    return Chunk(name, (Sample(id=name, atoms=Atoms(f"H{atoms}"), subset="fast"),))


def groups(sizes: Sequence[int], most: int | None) -> list[list[int]]:
    chunks = [chunk(str(number), size) for number, size in enumerate(sizes)]
    asked = None if most is None else lambda: most
    return [[len(each.samples[0].atoms) for each in group] for group in together(chunks, asked)]


def test_as_many_chunks_run_together_as_there_is_room_for() -> None:
    assert groups([3, 3, 3, 9, 1, 20, 2], 9) == [[3, 3, 3], [9], [1], [20], [2]]
    assert groups([3, 3], None) == [[3], [3]]
    assert groups([1] * 10, 100) == [[1] * in_flight.MOST_CHUNKS, [1, 1]]
    assert groups([], 9) == []


def test_records_and_files_are_those_of_chunks_that_ran_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    run = type(TASK).run

    def counted(self: Any, samples: Any, potential: Any) -> Any:
        asked.append(len(samples))
        return run(self, samples, potential)

    monkeypatch.setattr(type(TASK), "run", counted)
    found = {}
    for kind in (Potential, Accelerated):
        asked.clear()
        folder = tmp_path / kind.__name__
        with kind(toy.worker(tmp_path), card=toy.card(), mode=toy.card().default_mode) as potential:
            potential.atoms_per_batch = 200
            seen: list[RunProgress] = []
            job = Evaluation(potential, TASK, "fast", threads=1, runs=folder / "runs", results=folder / "results")
            result = job.run(seen.append)
        files = sorted(folder.glob("runs/**/records/*.parquet"))
        records = [[one.model_dump(exclude=FIELDS) for one in read_records(file)] for file in files]
        found[kind] = [file.name for file in files], records, result.scores, [one.done for one in seen]
        assert asked == ([3, 8, 8, 8] if kind is Potential else [27])
        costs = [read_cost(file) for file in files]
        ledger = Ledger.of(costs)
        assert ledger is not None
        assert ledger.wall_seconds == pytest.approx(ledger.device_seconds)
    assert found[Potential] == found[Accelerated]


def test_what_together_fails_is_tried_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Evaluation._ran

    def short(self: Evaluation, samples: Sequence[Sample], store: Any) -> Any:
        if len(samples) > 8:
            raise WorkerDied("the device is lost")
        return ran(self, samples, store)

    monkeypatch.setattr(Evaluation, "_ran", short)
    with Accelerated(toy.worker(tmp_path), card=toy.card(), mode=toy.card().default_mode) as potential:
        potential.atoms_per_batch = 200
        job = Evaluation(potential, TASK, "fast", threads=1, runs=tmp_path / "runs", results=tmp_path / "results")
        assert job.run().run.counts.ok == 27


def test_what_a_group_took_is_shared_by_atoms() -> None:
    cost = ChunkCost(began=100.0, seconds=10.0, host_cpu_seconds=4.0, host_memory_gb=2.0, energy_joules=50.0)
    first, second = cost.shared([30, 10])
    assert (first.began, first.seconds, first.host_cpu_seconds, first.energy_joules) == (100.0, 7.5, 3.0, 37.5)
    assert (second.began, second.seconds, second.host_memory_gb, second.worker_cpu_seconds) == (107.5, 2.5, 2.0, None)
    assert cost.shared([3]) == [cost]
