"""Scores from stored records, without a model; and what the command says and writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from evaluation.cli import app
from evaluation.errors import EvaluationError, ProtocolMismatch, StoreError, UnknownTask
from evaluation.harness.rescore import find_results, rescore
from evaluation.harness.store import read_records, write_records
from evaluation.result import read_result
from tests.leaderboard.specimens import MODELS, write_result


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for name, model in MODELS.items():
        write_result(tmp_path / "runs" / "results", name, model)
    return tmp_path / "runs" / "results"


def _spoil(path: Path, **run: object) -> None:
    """A result whose first score is of an older code, and whose manifest says what is given."""
    result = read_result(path)
    scores = {**result.scores, "delta": result.scores["delta"].model_copy(update={"value": 99.0})}
    manifest = result.run.model_copy(update=run)
    result.model_copy(update={"scores": scores, "run": manifest}).write(path.parent.parent)


def test_scores_come_back_from_the_records(results: Path) -> None:
    path = results / "eos" / "chgnet-0.3.0@conservative.json"
    before = path.read_bytes()
    assert not rescore(path).changed
    _spoil(path)
    done = rescore(path)
    assert done.changed
    assert done.new.run == done.old.run
    done.write()
    assert path.read_bytes() == before


def test_rounding_is_no_change(results: Path) -> None:
    path = results / "eos" / "chgnet-0.3.0@conservative.json"
    old = read_result(path)
    delta = old.scores["delta"]
    assert delta.value
    for factor, moved in ((1 + 1e-12, []), (1 + 1e-4, ["delta"])):
        scores = {**old.scores, "delta": delta.model_copy(update={"value": delta.value * factor})}
        old.model_copy(update={"scores": scores}).write(path.parent.parent)
        assert rescore(path).moved == moved
    old.model_copy(update={"scores": {**old.scores, "gone": delta}}).write(path.parent.parent)
    assert rescore(path).moved == ["gone"]


def test_records_of_another_protocol_are_not_scored(results: Path) -> None:
    path = results / "eos" / "chgnet-0.3.0@conservative.json"
    _spoil(path, protocol_sha256="0" * 64)
    with pytest.raises(ProtocolMismatch, match=r"another protocol than today's; 'mlip-zoo evaluate chgnet-0\.3\.0@"):
        rescore(path)


@pytest.mark.parametrize("other", ["twice", "foreign", "fewer"])
def test_other_records_than_those_that_the_result_counts_are_not_scored(results: Path, other: str) -> None:
    path = results / "eos" / "chgnet-0.3.0@conservative.json"
    records = read_records(path.with_suffix(".parquet"))
    changed = {
        "twice": [*records[:-1], records[0]],
        "foreign": [*records[:-1], records[-1].model_copy(update={"sample": "Xx"})],
        "fewer": records[:-1],
    }
    write_records(path.with_suffix(".parquet"), changed[other])
    with pytest.raises(StoreError, match=r"chgnet-0\.3\.0@conservative\.parquet: "):
        rescore(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"{}"])
def test_a_damaged_result_says_how_to_make_it_anew(results: Path, content: bytes) -> None:
    path = results / "eos" / "chgnet-0.3.0@conservative.json"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"(?s)cannot be read as a result.*'mlip-zoo evaluate' makes it anew"):
        rescore(path)


def test_missing_records_and_folders_are_named(results: Path, tmp_path: Path) -> None:
    (results / "eos" / "sevennet-0@conservative.parquet").unlink()
    with pytest.raises(StoreError, match=r"sevennet-0@conservative\.parquet"):
        rescore(results / "eos" / "sevennet-0@conservative.json")
    with pytest.raises(StoreError, match="no results there"):
        find_results(tmp_path / "nothing")
    with pytest.raises(UnknownTask):
        find_results(results, task="eso")


def test_the_command_takes_runs_or_results_and_writes_what_changed(results: Path) -> None:
    path = results / "eos" / "chgnet-0.3.0@conservative.json"
    before = path.read_bytes()
    _spoil(path)
    spoilt = path.read_bytes()
    dry = CliRunner().invoke(app, ["rescore", "--results", str(results.parent), "--dry-run"])
    assert "eos/chgnet-0.3.0@conservative: would change: delta\n" in dry.stdout
    assert path.read_bytes() == spoilt
    done = CliRunner().invoke(app, ["rescore", "eos", "--results", str(results)])
    assert done.exit_code == 0
    assert "eos/chgnet-0.3.0@conservative: changed: delta\n" in done.stdout
    assert "eos/sevennet-0@conservative: unchanged\n" in done.stdout
    assert path.read_bytes() == before


def test_one_stale_result_stops_no_other_and_is_told(results: Path) -> None:
    _spoil(results / "eos" / "chgnet-0.3.0@conservative.json", dataset_sha256="0" * 64)
    _spoil(results / "eos" / "sevennet-0@conservative.json")
    done = CliRunner().invoke(app, ["rescore", "--results", str(results)])
    assert isinstance(done.exception, EvaluationError)
    assert "another dataset than today's" in str(done.exception)
    assert "eos/sevennet-0@conservative: changed: delta" in done.stdout
