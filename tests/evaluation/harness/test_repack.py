"""Repacking published results: no score moves, and what cannot be packed without that stays as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from evaluation.harness import repack as module
from evaluation.harness.repack import largest_change, main, repack
from evaluation.harness.store import read_records, write_records
from evaluation.metric import Score

RESULTS = Path(__file__).parents[3] / "leaderboard" / "results"


def raw(tmp_path: Path, task: str, entry: str) -> Path:
    """A published result with its records as an earlier version wrote them."""
    shutil.copy(RESULTS / task / f"{entry}.json", tmp_path)
    write_records(tmp_path / f"{entry}.parquet", read_records(RESULTS / task / f"{entry}.parquet"))
    return tmp_path / f"{entry}.json"


@pytest.mark.parametrize(
    ("task", "entry"),
    [("forces", "pet-n@direct"), pytest.param("phonons", "pet-n@direct", marks=pytest.mark.data)],
)
def test_every_score_and_interval_stays(
    task: str, entry: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = raw(tmp_path, task, entry)
    told = repack(path)
    assert told is not None
    before, after, change = told
    assert after < before
    assert change < 1e-6
    main([str(path)])
    assert "largest change of a score" in capsys.readouterr().out


def test_records_of_other_tasks_stay() -> None:
    assert repack(RESULTS / "eos" / "pet-tiny@conservative.json") is None


def test_a_score_that_would_move_stops_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = raw(tmp_path, "forces", "pet-n@direct")
    before = path.with_suffix(".parquet").read_bytes()
    monkeypatch.setattr(module, "alike", lambda *_: False)
    with pytest.raises(ValueError, match="stays as it is: packed records would move success"):
        repack(path)
    assert path.with_suffix(".parquet").read_bytes() == before


def test_the_largest_change_is_of_values_and_intervals() -> None:
    old = {"a": Score(value=1.0, n=3, n_missing=0, low=0.5, high=2.0), "b": Score(value=None, n=0, n_missing=0)}
    new = {"a": Score(value=1.0, n=3, n_missing=0, low=0.5, high=2.5), "b": Score(value=None, n=0, n_missing=0)}
    assert largest_change(old, new) == pytest.approx(0.2)
    assert largest_change(old, old) == 0.0
