"""What ships as scored is what the records give, and is used for nothing else."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from evaluation import task as tasks
from evaluation.harness.store import read_records
from evaluation.protocol import protocol_sha256
from evaluation.reference import dataset
from evaluation.result import read_result
from evaluation.subset import SUBSETS
from leaderboard.ranking import collect as collecting
from leaderboard.ranking import score_published, scored
from leaderboard.ranking.collect import PUBLISHED, names_of_samples, read_entry
from leaderboard.ranking.scored import StoredRecords


def of_today(path: Path) -> bool:
    """Whether a result was made under today's protocol: what is stale has no figures per sample."""
    run = read_result(path).run
    return run.protocol_sha256 == protocol_sha256(tasks.load(run.task).protocol)


RESULTS = sorted(PUBLISHED.glob("*/*.json"))
SCORED = [path for path in RESULTS if path.parent.name in tasks.names() and of_today(path)]
SLOW = frozenset({"relaxation", "formation"})
"""Tasks whose structures are matched anew, seconds a result: by default the result with the fewest records speaks."""
ONE = PUBLISHED / "eos" / "chgnet-0.3.0@conservative.json"


def sized(path: Path) -> int:
    return path.with_suffix(".parquet").stat().st_size


def case(path: Path) -> ParameterSet:
    least = min((other for other in SCORED if other.parent == path.parent), key=sized)
    marks = [pytest.mark.slow] if path.parent.name in SLOW and path != least else []
    return pytest.param(path, marks=marks, id=f"{path.parent.name}/{path.stem}")


def alike(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-6)
    return one == other


@pytest.mark.parametrize("path", [case(path) for path in SCORED])
def test_a_published_result_is_scored_as_its_records_say(path: Path) -> None:
    """Scores follow from the records (`read_entry` compares), and the figures that ship are these records'."""
    fresh, shipped = read_entry(path, trusted=False), read_entry(path)
    assert isinstance(shipped.records, StoredRecords), "to mend: python -m leaderboard.ranking.score_published"
    assert (shipped.unchecked, shipped.lacks, shipped.stale) == (fresh.unchecked, fresh.lacks, fresh.stale)
    assert len(shipped.rows) == len(fresh.rows)
    for ours, theirs in zip(shipped.rows, fresh.rows, strict=True):
        assert ours.keys() == theirs.keys()
        assert [name for name in ours if not alike(ours[name], theirs[name])] == []


@pytest.mark.parametrize("task", sorted({path.parent.name for path in SCORED}))
def test_names_of_samples_are_the_tasks(task: str) -> None:
    with dataset.here_only():
        for subset in SUBSETS:
            asked, told = names_of_samples(tasks.load(task), subset), scored.sample_names(tasks.load(task), subset)
            assert told == (asked if isinstance(asked, frozenset) else asked.dataset)


def test_nothing_is_left_of_results_that_went() -> None:
    assert {path.name for path in scored.FOLDER.glob("*/*")} == {scored.path_of(path).name for path in SCORED}


def test_figures_of_what_changed_alone_are_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    results, figures = tmp_path / "results", tmp_path / "scored"
    for name in ("chgnet-0.3.0", "sevennet-0"):
        path = results / "eos" / f"{name}@conservative.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        for suffix in (".json", ".parquet"):
            shutil.copyfile(ONE.with_name(f"{name}@conservative{suffix}"), path.with_suffix(suffix))
    monkeypatch.setattr(score_published, "PUBLISHED", results)
    monkeypatch.setattr(collecting, "PUBLISHED", results)
    monkeypatch.setattr(scored, "FOLDER", figures)
    assert len(score_published.score(anew=False)) == 2
    (figures / "eos" / "gone@conservative.json.gz").write_bytes(b"")
    path = results / "eos" / ONE.name
    path.write_text(path.read_text() + "\n")
    before = {each.name: each.read_bytes() for each in figures.glob("*/*")}
    assert score_published.score(anew=False) == [path]
    after = {each.name: each.read_bytes() for each in figures.glob("*/*")}
    assert {name for name in before if before[name] != after.get(name)} == {
        "gone@conservative.json.gz",
        f"{ONE.stem}.json.gz",
    }
    assert read_entry(path).rows == read_entry(ONE).rows


def test_a_changed_result_is_scored_from_its_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "eos" / ONE.name
    path.parent.mkdir()
    for file in (ONE, ONE.with_suffix(".parquet")):
        shutil.copy(file, path.parent)
    monkeypatch.setattr(collecting, "PUBLISHED", tmp_path)
    assert isinstance(read_entry(path).records, StoredRecords)
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")
    assert not isinstance(read_entry(path).records, StoredRecords)


def test_records_are_the_files_and_read_late() -> None:
    records = read_entry(ONE).records
    assert isinstance(records, StoredRecords)
    stored = read_records(ONE.with_suffix(".parquet"))
    bare = [record.model_copy(update={"outputs": {}}) for record in stored]
    assert list(records.accounts) == bare
    some = frozenset(record.sample for record in stored[3:5])
    part = records.of(some)
    assert part.samples == some
    assert len(part) == 2
    assert "_read" not in vars(records)
    assert list(part) == stored[3:5]
    assert list(records) == stored
