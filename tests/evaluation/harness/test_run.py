"""Runs: killed at random they end with the records of an undisturbed one, and faults make no record."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from evaluation.cli import app
from evaluation.errors import EvaluationFault, RunLocked, StoreError
from evaluation.harness.run import Evaluation, RunProgress
from evaluation.harness.status import read_status
from evaluation.harness.store import Store, chunks, read_records
from evaluation.record import Record
from evaluation.result import Cost, read_result
from evaluation.task import Sample, Task, load
from tests import toy
from zoo.cards.checkpoint import UrlSource
from zoo.checkpoints.user_pins import FileHash, UserPin
from zoo.errors import WorkerDied
from zoo.files import json_text, write_text
from zoo.potential import Potential

TASK = load("eos")
SCRIPT = Path(__file__).with_name("toy_run.py")
ENTRY = "toy@conservative"
PUBLISHED = Path(__file__).parents[3] / "leaderboard" / "results"


def start(folder: Path, subset: str, *, delay: str = "0") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder), subset],
        env={**os.environ, "TOY_DELAY": delay},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def finish(folder: Path, subset: str) -> int:
    with start(folder, subset) as process:
        return process.wait(300)


def final(folder: Path) -> list[dict[str, Any]]:
    """The final records, without the one field that may differ."""
    return [r.model_dump(exclude={"seconds"}) for r in read_records(folder / "results" / "eos" / f"{ENTRY}.parquet")]


def job(folder: Path, potential: Potential, subset: Any = "canary") -> Evaluation:
    return Evaluation(potential, TASK, subset=subset, threads=1, runs=folder / "runs", results=folder / "results")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert finish(folder, "full") == 0
    return folder


def test_kills_change_nothing(tmp_path: Path, undisturbed: Path) -> None:
    rng = random.Random(20261101)
    for kill in range(4):
        with start(tmp_path, "full", delay="0.2") as process:
            # half of the kills wait for some work, the others fall anywhere, the start included
            killer = threading.Timer(rng.uniform(0.05, 0.6) if kill % 2 else rng.uniform(0.5, 2.5), process.kill)
            if kill % 2:
                assert process.stdout is not None
                process.stdout.readline()
            killer.start()
            code = process.wait(120)
            killer.cancel()
        assert code == -signal.SIGKILL  # it was not done before it was disturbed
    assert finish(tmp_path, "full") == 0
    assert final(tmp_path) == final(undisturbed)
    assert len(final(tmp_path)) == 71


def test_a_larger_subset_goes_on_where_the_smaller_ended(tmp_path: Path, undisturbed: Path) -> None:
    with toy.potential(tmp_path) as potential:
        job(tmp_path, potential, "fast").run()
        seen: list[RunProgress] = []
        job(tmp_path, potential, "full").run(seen.append)
    assert (seen[0].resumed, seen[0].total) == (27, 71)
    assert final(tmp_path) == final(undisturbed)


def test_the_manifest_says_what_ran(tmp_path: Path) -> None:
    with toy.potential(tmp_path) as potential:
        result = job(tmp_path, potential).run()
    run = result.run
    assert (run.entry, run.task, run.subset, run.device, run.threads) == (ENTRY, "eos", "canary", "cpu", 1)
    assert run.counts.total == run.counts.ok == 3
    assert run.checkpoint_sha256 == "0" * 64
    assert run.model_packages["ase"] == run.packages["ase"]
    assert run.cost.force_calls == 21
    assert run.cost.microseconds_per_atom is not None
    assert run.cost.peak_memory_gb is not None
    assert len(run.commits) == 1
    assert read_result(tmp_path / "results" / "eos" / f"{ENTRY}.json") == result


def test_running_again_runs_nothing_and_writes_the_same_scores(tmp_path: Path) -> None:
    with toy.potential(tmp_path) as potential:
        first = job(tmp_path, potential).run()
        shards = {p: p.stat().st_mtime_ns for p in (tmp_path / "runs").rglob("*.parquet")}
        second = job(tmp_path, potential).run()
    assert first.scores == second.scores
    assert shards == {p: p.stat().st_mtime_ns for p in (tmp_path / "runs").rglob("*.parquet")}


def test_a_fault_makes_no_record_and_runs_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that computes nothing any more, the crystal of its own card neither, has no bad sample."""
    with toy.potential(tmp_path) as potential:
        compute, calls = potential.compute, []

        def lost_after_three_samples(atoms: Any) -> Any:
            calls.append(1)
            if len(calls) > 1:
                raise WorkerDied("the toy worker died (signal SIGKILL)")
            return compute(atoms)

        with monkeypatch.context() as patch:
            patch.setattr(potential, "compute", lost_after_three_samples)
            with pytest.raises(EvaluationFault, match=r"(?s)3 of 4 chunks did not run.*again.*SIGKILL") as caught:
                job(tmp_path, potential, "fast").run()
        assert "fast-0000" in str(caught.value)
        assert not (tmp_path / "results").exists()
        assert job(tmp_path, potential, "fast").run().run.counts.ok == 27


def test_a_worker_that_dies_once_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with toy.potential(tmp_path) as potential:
        compute, calls = potential.compute, []

        def flaky(atoms: Any) -> Any:
            calls.append(1)
            if len(calls) == 2:
                raise WorkerDied("the toy worker died (signal SIGKILL)")
            return compute(atoms)

        monkeypatch.setattr(potential, "compute", flaky)
        assert job(tmp_path, potential, "fast").run().run.counts.ok == 27


class Lanthanides:
    """The task with one sample that has become a lanthanide: in the toy's adapter they crash, hang or exhaust."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol

    def __getattr__(self, name: str) -> Any:
        return getattr(TASK, name)

    def samples(self, subset: Any) -> list[Sample]:
        samples = TASK.samples(subset)
        bad = samples[6].atoms.copy()
        bad.symbols[:] = self.symbol
        samples[6] = replace(samples[6], atoms=bad)
        return samples


@pytest.mark.parametrize(
    ("symbol", "reason"),
    [
        ("Ce", r"WorkerDied: the toy worker died \(signal SIGKILL\)"),
        pytest.param(
            "Pr", "WorkerTimeout: the toy worker did not answer within 4 s and was stopped", marks=pytest.mark.slow
        ),
        ("Pm", "WorkerOutOfMemory: 1 structures, . atoms: MemoryError: promethium is larger"),
    ],
    ids=["crashes", "hangs", "exhausts"],
)
def test_one_bad_sample_is_a_failed_record_and_stops_nothing(tmp_path: Path, symbol: str, reason: str) -> None:
    with toy.potential(tmp_path, batch_time_limit=4.0 if symbol == "Pr" else 60.0) as potential:
        bad = Evaluation(
            potential,
            cast("Task", Lanthanides(symbol)),
            subset="fast",
            threads=1,
            runs=tmp_path / "runs",
            results=tmp_path / "results",
        )
        result = bad.run()
        again = bad.run()
    assert (result.run.counts.ok, result.run.counts.failed) == (26, 1)
    assert again.run.counts == result.run.counts
    records = read_records(tmp_path / "results" / "eos" / f"{ENTRY}.parquet")
    (failed,) = [record for record in records if record.status != "ok"]
    assert failed.sample == TASK.samples("fast")[6].id
    assert re.fullmatch(reason, str(failed.error))
    assert not failed.outputs


def test_other_conditions_are_another_run(tmp_path: Path) -> None:
    with toy.potential(tmp_path) as potential:
        job(tmp_path, potential).run()
        two = Evaluation(potential, TASK, subset="canary", threads=2, runs=tmp_path / "runs", results=tmp_path / "r2")
        two.run()
    assert len(list((tmp_path / "runs" / "eos" / ENTRY).iterdir())) == 2


def test_a_run_of_what_the_user_pinned_says_so(tmp_path: Path) -> None:
    place = UrlSource(url="https://example.org/model.pt")
    pin = UserPin(
        place=place,
        upstream_format="torch-pickle",
        files={"upstream": FileHash(sha256="0" * 64, bytes=1)},
        day="2026-11-27",
    )
    with toy.potential(tmp_path) as potential:
        by_card = job(tmp_path, potential).conditions()
        assert "pinned_by" not in by_card
        potential.card = potential.card.model_copy(update={"checkpoint": pin.checkpoint(), "canary": None})
        evaluation = job(tmp_path, potential)
        assert evaluation.conditions() == {**by_card, "pinned_by": "user"}  # its records are apart from the card's
        assert evaluation.run().run.pinned_by == "user"
    written = json.loads((tmp_path / "results" / "eos" / f"{ENTRY}.json").read_text())
    assert written["run"]["pinned_by"] == "user"


def test_results_of_pinned_cards_keep_their_bytes() -> None:
    for path in sorted(PUBLISHED.glob("eos/*.json"))[:3]:
        text = path.read_text(encoding="utf-8")
        assert "pinned_by" not in text
        assert json_text(read_result(path).model_dump(mode="json")) == text


def test_two_processes_do_not_write_one_run(tmp_path: Path) -> None:
    with toy.potential(tmp_path) as potential:
        this = job(tmp_path, potential)
        store = Store(this.runs, task="eos", entry=potential.name, conditions=this.conditions())
        with store:
            assert [row.running for row in read_status(this.runs)] == [True]
            assert finish(tmp_path, "canary") != 0
            with pytest.raises(RunLocked, match="--runs"):
                this.run()
        this.run()
    assert [(row.records, row.running) for row in read_status(this.runs)] == [(3, False)]


def test_status_tells_what_is_stored_of_what_was_asked_for(tmp_path: Path) -> None:
    plan = chunks(TASK.samples("fast"), 8)
    with Store(tmp_path, task="eos", entry=ENTRY, conditions={"task": "eos", "entry": ENTRY}) as store:
        store.begin_session(plan, started="2026-01-01T00:00:00Z", commit=None)
        names = [sample.id for sample in plan[1].samples]
        store.write(plan[1], [Record(sample=name, status="failed" if name == names[0] else "ok") for name in names])
        store.begin_session(plan[:1], started="2026-01-02T00:00:00Z", commit=None)
    (row,) = read_status(tmp_path)
    assert row.stored == {"canary": 0, "fast": 8, "full": 0}
    assert row.total == {"canary": 3, "fast": 24, "full": None}
    assert (row.records, row.failed) == (8, 1)
    printed = CliRunner().invoke(app, ["status", "--runs", str(tmp_path)]).stdout
    assert "0/3" in printed
    assert "8/24" in printed


def test_status_needs_neither_the_task_nor_what_was_asked_for(tmp_path: Path) -> None:
    """A folder of an older version notes no plan; one from elsewhere may be of a task that this version lacks."""
    conditions = {"task": "of-another-version", "entry": ENTRY}
    with Store(tmp_path, task="of-another-version", entry=ENTRY, conditions=conditions) as store:
        write_text(store.folder / "sessions.json", '[{"started": "2026-01-01T00:00:00Z", "commit": null}]')
        (chunk, *_) = chunks(TASK.samples("canary"), 8)
        store.write(chunk, [Record(sample=sample.id, status="ok") for sample in chunk.samples])
    (row,) = read_status(tmp_path)
    assert row.total == {"canary": None, "fast": None, "full": None}
    assert "3/?" in CliRunner().invoke(app, ["status", "--runs", str(tmp_path)]).stdout


def test_a_chunk_is_stored_whole_or_not_at_all(tmp_path: Path) -> None:
    plan = chunks(TASK.samples("fast"), 8)
    assert [(chunk.name, len(chunk.samples)) for chunk in plan] == [
        ("canary-0000", 3),
        ("fast-0000", 8),
        ("fast-0001", 8),
        ("fast-0002", 8),
    ]
    with (
        Store(tmp_path, task="eos", entry="x", conditions={"a": 1}) as store,
        pytest.raises(StoreError, match="one for each sample"),
    ):
        store.write(plan[0], [Record(sample="Al", status="ok")])
    assert not store.has(plan[0])


def test_results_are_written_with_sorted_keys_and_no_nan(tmp_path: Path) -> None:
    with toy.potential(tmp_path) as potential:
        job(tmp_path, potential).run()
    text = (tmp_path / "results" / "eos" / f"{ENTRY}.json").read_text()
    assert text == json.dumps(json.loads(text), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    assert "NaN" not in text


def test_an_averaging_mode_pays_for_all_its_calls() -> None:
    records = [Record(sample="Al", status="ok", force_calls=84, atom_calls=168, seconds=1.68)]
    plain = Cost.of(records, calls_per_answer=1, peak_memory_gb=None)
    averaged = Cost.of(records, calls_per_answer=42, peak_memory_gb=None)
    assert plain.microseconds_per_atom == pytest.approx(1e4)
    assert averaged.microseconds_per_atom == pytest.approx(42e4)
