"""Merging: shards become the result that one process would have made, or are refused with the reason."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evaluation.errors import EvaluationFault, ProtocolMismatch, RunLocked, StoreError
from evaluation.harness import provenance
from evaluation.harness.lock import running, shard_of_run, whole_run
from evaluation.harness.merge import find, merge
from evaluation.harness.run import Evaluation
from evaluation.harness.shard import Shard
from evaluation.harness.status import read_status
from evaluation.harness.store import read_origin, read_records, write_records
from evaluation.result import Hardware, Result
from evaluation.task import load
from tests import toy
from zoo.potential import Potential

TASK = load("eos")
ENTRY = "toy@conservative"


@pytest.fixture(scope="module")
def potential(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Potential]:
    with toy.potential(tmp_path_factory.mktemp("toy")) as potential:
        yield potential


def job(folder: Path, potential: Potential, *, threads: int = 1) -> Evaluation:
    runs, results = folder / "runs", folder / "results"
    return Evaluation(potential, TASK, subset="fast", threads=threads, runs=runs, results=results)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, potential: Potential) -> Path:
    """Two shards, not merged."""
    folder = tmp_path_factory.mktemp("shards")
    paths = {job(folder, potential).run_shard(shard) for shard in Shard.all(2)}
    assert len(paths) == 1
    return folder


@pytest.fixture
def shards(stored: Path, tmp_path: Path) -> Path:
    """A copy of them: the run's folder."""
    shutil.copytree(stored / "runs", tmp_path / "runs")
    (folder,) = (tmp_path / "runs" / "eos" / ENTRY).iterdir()
    return folder


def merged(folder: Path, **options: Any) -> Result:
    return merge(folder, task=TASK, subset="fast", results=folder.parents[3] / "results", **options)


def final(folder: Path) -> list[dict[str, Any]]:
    return [r.model_dump(exclude={"seconds"}) for r in read_records(folder / "results" / "eos" / f"{ENTRY}.parquet")]


def told(result: Result, *without: str) -> dict[str, Any]:
    return {name: value for name, value in result.run.model_dump(mode="json").items() if name not in without}


def rewritten(path: Path, **changes: object) -> None:
    """The chunk as another process would have stored it."""
    origin = read_origin(path)
    assert origin is not None
    write_records(path, read_records(path), origin=origin.model_copy(update=changes))


def test_shards_make_the_result_of_one_process(undisturbed_fast: Path, shards: Path) -> None:
    result = merged(shards)
    one = Result.model_validate_json((undisturbed_fast / "results" / "eos" / f"{ENTRY}.json").read_text(), strict=True)
    assert final(shards.parents[3]) == final(undisturbed_fast)
    assert result.scores == one.scores
    apart = ("cost", "started", "finished")
    assert told(result, *apart) == told(one, *apart)
    assert result.run.cost.force_calls == one.run.cost.force_calls
    assert result.run.cost.peak_memory_gb is not None
    assert result.run.cost.ledger is not None
    assert result.run.started <= result.run.finished
    assert "other_hardware" not in result.model_dump(mode="json")["run"]


def test_merging_again_writes_the_same_bytes(shards: Path) -> None:
    written = []
    for _ in range(2):
        merged(shards)
        written.append({p.name: p.read_bytes() for p in (shards.parents[3] / "results").rglob("*") if p.is_file()})
    assert written[0] == written[1]
    assert len(written[0]) == 2


def test_any_number_of_shards_goes_on_where_another_ended(
    shards: Path, potential: Potential, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = shards / "records" / "fast-0001.parquet"
    kept = {path: path.stat().st_mtime_ns for path in (shards / "records").iterdir() if path != lost}
    lost.unlink()
    evaluation = job(shards.parents[3], potential)
    for shard in Shard.all(3):
        assert evaluation.run_shard(shard) == shards
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    monkeypatch.setattr(potential, "compute", lambda *_: pytest.fail("it ran again"))
    assert evaluation.run().scores == merged(shards).scores  # one process finds all of it, too


def test_a_missing_or_damaged_chunk_is_named(shards: Path) -> None:
    path = shards / "records" / "fast-0001.parquet"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(EvaluationFault, match=r"1 of 4 chunks are missing \(fast-0001\); run their shards again"):
        merged(shards)
    assert path.with_name("fast-0001.parquet.damaged-1").exists()
    assert not (shards.parents[3] / "results").exists()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"conditions_sha256": "0" * 64}, "conditions"),
        ({"version": "0.0.1"}, "version of mlip-zoo"),
        ({"python": "3.9.0"}, "Python"),
        ({"packages": {"ase": "1.0"}}, "packages of the host"),
        ({"calls_per_answer": 42}, "averaging"),
        ({"commit": "f" * 40}, "commit of the code.*--other-commits"),
    ],
)
def test_what_was_made_otherwise_is_refused(shards: Path, change: dict[str, object], word: str) -> None:
    rewritten(shards / "records" / "fast-0001.parquet", **change)
    with pytest.raises(ProtocolMismatch, match=f"fast-0001.*{word}"):
        merged(shards)
    assert not (shards.parents[3] / "results").exists()


def test_a_whole_run_of_other_conditions_is_refused_in_this_folder(shards: Path) -> None:
    for path in (shards / "records").iterdir():
        rewritten(path, conditions_sha256="0" * 64)
    with pytest.raises(ProtocolMismatch, match="conditions"):
        merged(shards)


def test_a_shard_does_not_add_to_what_another_commit_stored(
    shards: Path, potential: Potential, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shards / "records" / "fast-0001.parquet").unlink()
    monkeypatch.setattr(provenance, "commit", lambda: "f" * 40)
    evaluation = job(shards.parents[3], potential)
    with pytest.raises(ProtocolMismatch, match=r"commit of the code.*--other-commits"):
        evaluation.run_shard(Shard(1, 1))
    evaluation.run_shard(Shard(1, 1), other_commits=True)
    with pytest.raises(ProtocolMismatch, match="commit of the code"):
        merged(shards)
    commits = merged(shards, other_commits=True).run.commits
    assert len(commits) == 2
    assert commits[1] == "f" * 40


def test_other_machines_are_listed(shards: Path) -> None:
    other = Hardware(cpu="another", cores=3, memory_gb=1.0)
    rewritten(shards / "records" / "fast-0001.parquet", hardware=other, started="2099-01-01T00:00:00Z")
    run = merged(shards).run
    assert run.other_hardware == (other,)
    assert run.hardware != other


def test_a_chunk_that_does_not_say_by_what_it_was_made_is_refused(shards: Path) -> None:
    path = shards / "records" / "fast-0001.parquet"
    write_records(path, read_records(path))
    with pytest.raises(StoreError, match=r"fast-0001.*without shards"):
        merged(shards)


def test_conditions_that_were_changed_are_refused(shards: Path) -> None:
    path = shards / "conditions.json"
    path.write_text(path.read_text().replace('"threads": 1', '"threads": 2'))
    with pytest.raises(StoreError, match="does not describe the records beside it"):
        merged(shards)


def test_another_protocol_than_todays_is_refused(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluation.harness.merge.protocol_sha256", lambda _: "0" * 64)
    with pytest.raises(ProtocolMismatch, match="another protocol_sha256 than today's"):
        merged(shards)


# --- which folder -----------------------------------------------------------------------------------------------------


def found(shards: Path) -> Path:
    return find(shards.parents[2], task=TASK, entry=ENTRY, subset="fast")


def test_the_complete_run_is_found(shards: Path) -> None:
    assert found(shards) == shards


def test_nothing_at_all_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(EvaluationFault, match=r"nothing is stored there.*--shard I/N"):
        find(tmp_path, task=TASK, entry=ENTRY, subset="fast")


def test_shards_of_two_conditions_are_told(shards: Path, potential: Potential) -> None:
    """As when two nodes of a job array have different GPUs."""
    (shards / "records" / "fast-0001.parquet").unlink()
    other = job(shards.parents[3], potential, threads=2).run_shard(Shard(4, 4))
    assert other != shards
    with pytest.raises(EvaluationFault, match=r"not complete: .*conditions: threads \(.*\)") as caught:
        found(shards)
    assert "3 of 4 chunks" in str(caught.value)
    assert "1 of 4 chunks" in str(caught.value)


# --- who writes -------------------------------------------------------------------------------------------------------


def test_shards_write_side_by_side_and_nobody_else_beside_them(tmp_path: Path, shards: Path) -> None:
    assert not running(tmp_path)
    with shard_of_run(tmp_path, "1-of-2"), shard_of_run(tmp_path, "2-of-2"):
        assert running(tmp_path)
        with pytest.raises(RunLocked), whole_run(tmp_path):
            pass
    with whole_run(tmp_path):
        assert running(tmp_path)
    with shard_of_run(shards, "1-of-2"):
        assert [row.running for row in read_status(shards.parents[2])] == [True]
        with pytest.raises(RunLocked):
            merged(shards)
    assert [(row.running, row.records, row.total["fast"]) for row in read_status(shards.parents[2])] == [
        (False, 27, 24)
    ]


def test_a_shard_waits_for_who_holds_the_run_and_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluation.harness.lock._WAIT", 0.0)
    with whole_run(tmp_path), pytest.raises(RunLocked), shard_of_run(tmp_path, "1-of-2"):
        pass
    with shard_of_run(tmp_path, "1-of-2"), pytest.raises(RunLocked), shard_of_run(tmp_path, "1-of-2"):
        pass
