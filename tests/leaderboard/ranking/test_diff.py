"""What moved between two sets of results."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leaderboard.errors import NoResults, ResultFault
from leaderboard.ranking.diff import compare
from tests.leaderboard.specimens import MODELS, write_result
from zoo.command import app


@pytest.fixture
def moved(results: Path, tmp_path: Path) -> Path:
    """The results again: CHGNet got worse, r2SCAN is gone, another one came."""
    new = tmp_path / "new"
    write_result(new, "chgnet-0.3.0", replace(MODELS["chgnet-0.3.0"], v0=0.05))
    write_result(new, "sevennet-0", MODELS["sevennet-0"])
    write_result(new, "chgnet-0.3.0", MODELS["chgnet-0.3.0"], "canary", mode="conservative+float64")
    return new


def run(*arguments: object) -> str:
    done = CliRunner(env={"COLUMNS": "160"}).invoke(app(), ["diff", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_same_results_do_not_differ(results: Path) -> None:
    found = compare(results, results)
    assert (found.compared, found.moves, found.only_old, found.only_new, found.conditions) == (3, (), (), (), ())
    assert "3 results compared; no score differs." in run(results, results)


def test_moves_are_measured_against_the_interval(results: Path, moved: Path) -> None:
    found = compare(results, moved)
    assert found.compared == 2
    assert {move.entry for move in found.moves} == {"chgnet-0.3.0@conservative"}
    delta = next(move for move in found.moves if move.metric == "delta")
    assert delta.old is not None
    assert delta.new is not None
    assert delta.old.value is not None
    assert delta.old.low is not None
    assert delta.old.high is not None
    assert delta.change == pytest.approx((delta.new.value or 0) - delta.old.value)
    assert delta.of_interval == pytest.approx(abs(delta.change or 0) / ((delta.old.high - delta.old.low) / 2))
    assert delta.verdict == "worse"
    assert [key[2] for key in found.only_old] == ["chgnet-r2scan@conservative"]
    assert [key[1:] for key in found.only_new] == [("canary", "chgnet-0.3.0@conservative+float64")]


def test_rounding_is_no_move_and_a_folder_of_runs_is_known(results: Path, tmp_path: Path) -> None:
    shutil.copytree(results, tmp_path / "runs" / "results")
    path = tmp_path / "runs" / "results" / "eos" / "sevennet-0@conservative.json"
    data = json.loads(path.read_text())
    data["scores"]["delta"]["value"] *= 1 + 1e-13
    path.write_text(json.dumps(data))
    assert "3 results compared; no score differs." in run(results, tmp_path / "runs")


def test_nothing_in_common_is_no_agreement(results: Path, tmp_path: Path) -> None:
    write_result(tmp_path / "other", "sevennet-0", MODELS["sevennet-0"], "canary")
    assert "The two have no result in common." in run(results, tmp_path / "other")


def test_names_are_whole_in_a_narrow_terminal(results: Path, moved: Path) -> None:
    done = CliRunner(env={"COLUMNS": "80"}).invoke(app(), ["diff", str(results), str(moved)])
    for name in ("chgnet-0.3.0@conservative", "eos, fast", "delta meV/atom"):
        assert name in done.stdout


def test_two_files_are_compared_whatever_their_names(results: Path) -> None:
    eos = results / "eos"
    found = compare(eos / "chgnet-0.3.0@conservative.json", eos / "sevennet-0@conservative.json")
    assert next(move for move in found.moves if move.metric == "delta").verdict == "better"
    assert found.conditions == ("eos / fast / chgnet-0.3.0@conservative: another counts",)


def test_the_command_prints_a_table_and_json(results: Path, moved: Path) -> None:
    text = run(results, moved)
    assert "only in the old: eos / fast / chgnet-r2scan@conservative" in text
    assert "worse" in text
    found = json.loads(run(results, moved, "--json"))
    assert found["compared"] == 2
    assert {move["metric"] for move in found["moves"]} >= {"delta", "v0_error"}


def test_nothing_to_compare_is_said(results: Path, tmp_path: Path) -> None:
    with pytest.raises(NoResults):
        compare(results, tmp_path / "nowhere")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(ResultFault):
        compare(tmp_path / "bad.json", results)
