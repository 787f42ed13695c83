"""The command: the printed board, its messages and its exit codes."""

from __future__ import annotations

import json
import socket
import sys
import threading
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import leaderboard.site.build
import leaderboard.site.markdown
from evaluation.errors import EvaluationError
from leaderboard.errors import LeaderboardError, MissingExtra, NoResults, SiteError
from leaderboard.site.server import server
from tests.leaderboard.specimens import MODELS, write_result, write_timing
from zoo import command
from zoo.errors import ZooError

GOLDEN = Path(__file__).with_name("board.txt")


def run(*arguments: str | Path, width: int = 200) -> Result:
    return CliRunner().invoke(command.app(), list(map(str, arguments)), env={"COLUMNS": str(width)})


def test_one_command_holds_all() -> None:
    text = run("--help").output
    for name in ("list", "show", "check", "convert", "fetch", "evaluate", "status", "board", "site"):
        assert f" {name} " in text


def test_the_printed_board(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_result(Path("local"), "chgnet-0.3.0", MODELS["chgnet-0.3.0"], "canary")
    done = run("board", "--task", "eos", "--results", "results", "--results", "local")
    assert done.exit_code == 0
    assert [line.rstrip() for line in done.output.splitlines()] == GOLDEN.read_text(encoding="utf-8").splitlines()


def test_one_table_across_tasks_is_printed_first(results: Path) -> None:
    write_timing(results, "chgnet-0.3.0", replace(MODELS["chgnet-0.3.0"], parameters=825_000))
    text = run("board", "--results", results, width=100).output
    assert "All entries across tasks" in text
    lines = [line.split() for line in text.splitlines() if line.strip().startswith(("SevenNet", "CHGNet"))]
    assert [line[:2] for line in lines] == [["SevenNet-0", "(11Jul2024)"], ["CHGNet", "0.3.0"], ["CHGNet", "r2SCAN"]]
    assert [line[-2:] for line in lines] == [["1.51", "–"], ["1.85", "8.25"], ["5.19", "–"]]
    assert "[0.97, 3.15]" in text
    assert "--task NAME" in text


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_a_narrow_terminal_loses_columns_and_says_which(results: Path, width: int) -> None:
    text = run("board", "--task", "eos", "--results", results, width=width).output
    first, _, second = text.partition("Equations of state by r2SCAN")
    for part, kept in ((first, ("1", "SevenNet-0 (11Jul2024)", "1.51")), (second, ("CHGNet r2SCAN r2SCAN", "5.19"))):
        assert "Too narrow here for: " in part
        assert len(part[part.index("Too narrow") :].splitlines()) <= 4 + 2 * (width == 60)
        table = part[part.index(" rank") : part.index(" is not ranked" if "is not ranked" in part else "Too narrow")]
        assert max(len(line) for line in table.splitlines()) <= width or width == 60
        for word in kept:
            assert word in table


def test_local_results_are_found_and_win(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leaderboard.ranking.collect.PUBLISHED", results)
    monkeypatch.chdir(tmp_path)
    write_result(Path("mlip-zoo-runs/results"), "chgnet-0.3.0", MODELS["chgnet-0.3.0"])
    rows = json.loads(run("board", "--json").output)["rows"]
    assert {row["card"]: row["origin"] for row in rows} == {
        "chgnet-0.3.0": "local",
        "chgnet-r2scan": "published",
        "sevennet-0": "published",
    }
    text = run("board").output
    assert "mlip-zoo-runs/results" in text.replace("\n", "")


def test_a_damaged_result_costs_the_exit_code_and_not_the_board(results: Path) -> None:
    damaged = results / "eos" / "chgnet-0.3.0@conservative.json"
    damaged.write_text("{", encoding="utf-8")
    done = run("board", "--results", results)
    assert done.exit_code == 1
    assert "SevenNet-0" in done.stdout
    assert f"Left out:\n{damaged}: the file: Invalid JSON" in done.stderr
    done = run("board", "--json", "--results", results)
    assert (done.exit_code, len(json.loads(done.stdout)["rows"])) == (1, 2)


def test_a_result_cannot_steer_the_terminal(results: Path) -> None:
    for path, field in zip(sorted((results / "eos").glob("*.json")), ("cpu", "card", "cpu"), strict=True):
        data = json.loads(path.read_text(encoding="utf-8"))
        (data["run"]["hardware"] if field == "cpu" else data["run"])[field] = "\x1b]0;pwned\x07\x1b[2J\x9b"
        path.write_text(json.dumps(data), encoding="utf-8")
    done = run("board", "--task", "eos", "--results", results, width=300)
    assert "pwned" in done.stdout
    assert "pwned" in done.stderr
    assert not {"\x1b", "\x07", "\x9b"} & {*done.stdout, *done.stderr}


def test_no_results(cards: Path, tmp_path: Path) -> None:
    assert isinstance(run("board", "--results", tmp_path).exception, NoResults)
    assert isinstance(run("site", "build", "--results", tmp_path).exception, NoResults)


def test_main_speaks_in_one_message(
    cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mlip-zoo", "board", "--results", str(tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        command.main()
    assert stopped.value.code == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("NoResults: no results in ")
    assert said.err.count("\n") == 1
    monkeypatch.setenv("MLIP_ZOO_DEBUG", "1")
    with pytest.raises(NoResults):
        command.main()


@pytest.mark.parametrize("error", [ZooError, EvaluationError, LeaderboardError])
def test_main_knows_every_packages_errors(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        raise error("a [bold]name[/bold] that looks like markup")

    monkeypatch.setattr(command, "app", lambda: fails)
    with pytest.raises(SystemExit):
        command.main()
    assert capsys.readouterr().err == f"{error.__name__}: a [bold]name[/bold] that looks like markup\n"


def test_an_error_of_our_own_making_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(command, "app", lambda: fails)
    with pytest.raises(ZeroDivisionError):
        command.main()


@pytest.mark.parametrize("package", ["jinja2", "altair", "vl_convert", "markdown_it"])
def test_a_missing_extra_is_named(package: str, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    leaderboard.site.build._vega.cache_clear()
    leaderboard.site.markdown._markdown.cache_clear()
    missing = run("site", "build", "--results", results, "--out", tmp_path / "site").exception
    assert isinstance(missing, MissingExtra)
    assert "pip install 'mlip-zoo[leaderboard]'" in str(missing)
    assert not (tmp_path / "site").exists()


def test_serving_without_a_site_says_what_to_run(tmp_path: Path) -> None:
    missing = run("site", "serve", "--out", tmp_path).exception
    assert isinstance(missing, SiteError)
    assert f"'mlip-zoo site build --out {tmp_path}' writes one" in str(missing)


def test_the_server_is_on_loopback_and_says_when_its_port_is_taken(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("here", encoding="utf-8")
    with server(tmp_path, port=0) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        try:
            assert running.server_address[0] == "127.0.0.1"
            with urllib.request.urlopen(f"http://127.0.0.1:{running.server_port}/index.html") as answer:
                assert answer.read() == b"here"
            with pytest.raises(SiteError, match=f"port {running.server_port}: .*--port"):
                server(tmp_path, port=running.server_port)
        finally:
            running.shutdown()
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", running.server_port)):
        pass
