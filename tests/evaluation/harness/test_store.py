"""What is stored of a run: damaged files are set aside and made anew, and a full disk says what to do."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evaluation.cli import app
from evaluation.errors import ProtocolMismatch, StoreError
from evaluation.harness.run import Evaluation
from evaluation.harness.status import read_status
from evaluation.harness.store import Chunk, Store, chunks, read_records, write_records
from evaluation.record import Record
from evaluation.result import Result
from evaluation.task import load
from tests import toy
from zoo import command
from zoo.potential import Potential

TASK = load("eos")
ENTRY = "toy@conservative"


@pytest.fixture(scope="module")
def potential(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Potential]:
    """One worker for all tests of this file."""
    with toy.potential(tmp_path_factory.mktemp("toy")) as potential:
        yield potential


def evaluate(folder: Path, potential: Potential) -> Result:
    """The smallest subset: one chunk of three samples."""
    runs, results = folder / "runs", folder / "results"
    return Evaluation(potential, TASK, subset="canary", threads=1, runs=runs, results=results).run()


def filled(runs: Path, entry: str, plan: Sequence[Chunk]) -> Path:
    """The folder of a run with a record of each sample."""
    with Store(runs, task="eos", entry=entry, conditions={"task": "eos", "entry": entry}) as store:
        store.begin_session(plan, started="2026-01-01T00:00:00Z", commit=None)
        for chunk in plan:
            store.write(chunk, [Record(sample=sample.id, status="ok") for sample in chunk.samples])
    return store.folder


def run_folder(folder: Path) -> Path:
    (found,) = (folder / "runs" / "eos" / ENTRY).iterdir()
    return found


def twice(path: Path) -> None:
    records = read_records(path)
    write_records(path, [records[0], records[0], records[2]])


def foreign(path: Path) -> None:
    records = read_records(path)
    write_records(path, [*records[:2], records[2].model_copy(update={"sample": "Xx"})])


def other_order(path: Path) -> None:
    write_records(path, read_records(path)[::-1])


def fewer(path: Path) -> None:
    write_records(path, read_records(path)[:1])


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def not_json(path: Path) -> None:
    path.write_bytes(b"{not JSON")


def not_utf8(path: Path) -> None:
    path.write_bytes(b'"\xff"')


def deep(path: Path) -> None:
    path.write_text("[" * 100_000)


def of_something_else(path: Path) -> None:
    path.write_text('{"a": 1}')


@pytest.mark.parametrize("damage", [twice, foreign])
def test_a_shard_that_is_not_its_chunks_runs_again_and_is_kept(
    tmp_path: Path, potential: Potential, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    first = evaluate(tmp_path, potential)
    shard = run_folder(tmp_path) / "records" / "canary-0000.parquet"
    whole = read_records(shard)
    damage(shard)
    again = evaluate(tmp_path, potential)
    assert again.scores == first.scores
    assert again.run.counts == first.run.counts
    assert [record.sample for record in read_records(shard)] == [record.sample for record in whole]
    assert os.path.lexists(shard.with_name(f"{shard.name}.damaged-1"))
    (message,) = caplog.messages
    assert "canary-0000.parquet" in message
    assert "it is kept as canary-0000.parquet.damaged-1 and made anew" in message


@pytest.mark.parametrize("damage", [twice, foreign, other_order, fewer, truncated, empty, pipe, folder_instead])
def test_a_damaged_shard_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    plan = chunks(TASK.samples("fast"), 8)[:2]
    stored = filled(tmp_path, ENTRY, plan)
    damage(stored / "records" / "canary-0000.parquet")
    with Store(tmp_path, task="eos", entry=ENTRY, conditions={"task": "eos", "entry": ENTRY}) as store:
        store.set_damaged_aside(plan)
        assert [store.has(chunk) for chunk in plan] == [False, True]
        assert [record.sample for record in store.records(plan)] == [sample.id for sample in plan[1].samples]
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("name", ["conditions.json", "sessions.json"])
@pytest.mark.parametrize("damage", [not_json, not_utf8, deep, pipe, folder_instead])
def test_a_damaged_manifest_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, damage: Callable[[Path], None]
) -> None:
    plan = chunks(TASK.samples("canary"), 8)
    path = filled(tmp_path, ENTRY, plan) / name
    damage(path)
    with Store(tmp_path, task="eos", entry=ENTRY, conditions={"task": "eos", "entry": ENTRY}) as store:
        store.begin_session(plan, started="2026-01-02T00:00:00Z", commit=None)
        assert store.sessions()[-1].started == "2026-01-02T00:00:00Z"
        assert len(store.records(plan)) == 3
    assert path.with_name(f"{name}.damaged-1").exists()
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("name", ["conditions.json", "sessions.json"])
@pytest.mark.parametrize("damage", [empty, Path.unlink])
def test_a_damaged_or_missing_manifest_loses_no_record(
    tmp_path: Path, potential: Potential, name: str, damage: Callable[[Path], None]
) -> None:
    first = evaluate(tmp_path, potential)
    path = run_folder(tmp_path) / name
    shard = path.parent / "records" / "canary-0000.parquet"
    written = shard.stat().st_mtime_ns
    damage(path)
    read_status(tmp_path / "runs")
    again = evaluate(tmp_path, potential)
    assert again.scores == first.scores
    assert again.run.cost.model_copy(update={"peak_memory_gb": None}) == first.run.cost.model_copy(
        update={"peak_memory_gb": None}
    )
    assert shard.stat().st_mtime_ns == written
    assert path.is_file()
    assert path.with_name(f"{name}.damaged-1").exists() == (damage is not Path.unlink)
    assert [row.records for row in read_status(tmp_path / "runs")] == [3]


def test_conditions_of_another_run_are_not_overwritten(tmp_path: Path, potential: Potential) -> None:
    evaluate(tmp_path, potential)
    of_something_else(run_folder(tmp_path) / "conditions.json")
    with pytest.raises(ProtocolMismatch, match="move the folder away"):
        evaluate(tmp_path, potential)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("conditions.json", empty),
        ("conditions.json", of_something_else),
        ("conditions.json", Path.unlink),
        ("sessions.json", of_something_else),
        ("records/canary-0000.parquet", truncated),
        ("records/canary-0000.parquet", pipe),
    ],
)
def test_status_tells_a_damaged_run_in_a_line_and_shows_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, damage: Callable[[Path], None]
) -> None:
    plan = chunks(TASK.samples("canary"), 8)
    filled(tmp_path, "a@conservative", plan)
    folder = filled(tmp_path, "b@conservative", plan)
    damage(folder / name)
    printed = CliRunner().invoke(app, ["status", "--runs", str(tmp_path)])
    assert printed.exception is None
    assert "a@conservative" in printed.stdout
    (message,) = caplog.messages
    assert str(folder / name) in message
    assert len(message.splitlines()) == 1


# --- writing ----------------------------------------------------------------------------------------------------------


def test_a_full_disk_says_so_and_the_run_continues(tmp_path: Path) -> None:
    """The limit on a file's size stands for the end of a disk; a write beyond it fails in the same way."""
    plan = chunks(TASK.samples("fast"), 8)
    records = [[Record(sample=sample.id, status="ok") for sample in chunk.samples] for chunk in plan]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Store(tmp_path, task="eos", entry=ENTRY, conditions={"task": "eos", "entry": ENTRY}) as store:
        store.begin_session(plan, started="2026-01-01T00:00:00Z", commit=None)
        store.write(plan[0], records[0])
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        try:
            with pytest.raises(StoreError, match=r"fast-0000.*cannot be written.*Make room.*same command again"):
                store.write(plan[1], records[1])
            with pytest.raises(StoreError, match=r"sessions\.json cannot be written"):
                store.begin_session(plan, started="2026-01-02T00:00:00Z", commit=None)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert [session.started for session in store.sessions()] == ["2026-01-01T00:00:00Z"]
        assert store.has(plan[0])
        assert not store.has(plan[1])
        assert [path.name for path in (store.folder / "records").iterdir()] == ["canary-0000.parquet"]
        store.write(plan[1], records[1])
        assert store.records(plan[:2]) == [*records[0], *records[1]]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_a_folder_that_cannot_be_written_says_what_to_name_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code), str(tmp_path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with (
        pytest.raises(StoreError, match=f"cannot be written: {os.strerror(code)}.*--runs and --results"),
        Store(tmp_path / "runs", task="eos", entry=ENTRY, conditions={}),
    ):
        pass


def test_results_that_cannot_be_written_lose_no_record(
    tmp_path: Path, potential: Potential, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "results").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match=r"results/eos/toy@conservative\.parquet cannot be written"):
        evaluate(tmp_path, potential)
    (tmp_path / "results").unlink()
    monkeypatch.setattr(Store, "write", lambda *_: pytest.fail("it ran again"))
    assert evaluate(tmp_path, potential).run.counts.ok == 3


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_no_command_shows_a_traceback_for_a_disk(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    def fail() -> None:
        raise OSError(code, os.strerror(code), "nowhere/cache")

    monkeypatch.setattr(command, "app", lambda: fail)
    with pytest.raises(SystemExit):
        command.main()
    told = capsys.readouterr().err
    assert os.strerror(code) in told
    assert "nowhere/cache" in told
    assert "MLIP_ZOO_CACHE" in told
