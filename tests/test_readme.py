"""The README keeps its word: its Python runs, its commands exist, its table is what the published records say."""

from __future__ import annotations

import io
import json
import re
import shlex
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from evaluation.harness.store import read_records
from evaluation.result import read_result
from evaluation.subset import SUBSETS
from evaluation.task import load, names
from leaderboard.ranking.board import boards
from leaderboard.ranking.collect import PUBLISHED, collect, sample_names
from leaderboard.terminal import board
from zoo import settings
from zoo.cards import index
from zoo.cards.mode import Mode

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: block.splitlines()[-1][:30])
def test_python_blocks_run(block: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=1200
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def commands() -> list[list[str]]:
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("mlip-zoo ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


# Those that need no model run as they stand; of the others the help must know every option that is given.
CHEAP = {"list", "show", "status", "board", "environments", "pins"}


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_commands_exist(command: list[str], tmp_path: Path) -> None:
    if command[0] in CHEAP:
        done = run(command, tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()
        return
    words = [word for word in command if not word.startswith("-")]
    names = words[:2] if words[0] in {"export", "score", "site", "submit"} else words[:1]
    known = run([*names, "--help"], tmp_path)
    assert known.returncode == 0, known.stderr
    for option in (word for word in command if word.startswith("--")):
        assert option in known.stdout


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zoo", *command], cwd=folder, capture_output=True, text=True, check=False, timeout=1200
    )


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"(?:^|`)make ([a-z-]+)", README, flags=re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_the_table_is_what_the_published_records_say() -> None:
    (shown,) = re.findall(r"<!-- demo -->\n```text\n(.*?)```", README, flags=re.DOTALL)
    names = [f"{name}@conservative" for name in ("sevennet-l3i5", "sevennet-0", "chgnet-0.3.0")]
    entries = [entry for entry in collect([PUBLISHED], task="eos").entries if entry.name in names]
    fast = [part for entry in entries if (part := entry.restricted_to("fast"))]
    console = Console(file=io.StringIO(), width=88)
    board.show(boards(fast), [], console)
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue().splitlines()
    for line in shown.splitlines():  # without the last column, which a reader's own run has another word in
        assert [each for each in printed if each.startswith(line)], line


def test_the_entries_that_were_checked_have_a_record() -> None:
    """There may be more: the lane that publishes writes records, and no README."""
    shown = [
        index.entry_name(*index.resolve(name)) for row in table("checked") for name in re.findall(r"`([^`]+)`", row[1])
    ]
    recorded = [f"{card.name}@{mode}" for card in index.cards() for mode in card.checks if card.passed(card.mode(mode))]
    assert set(shown) <= set(recorded)
    assert len(shown) >= 7


def table(mark: str) -> list[list[str]]:
    """Rows of the README's table behind a mark, without its head."""
    (rows,) = re.findall(rf"<!-- {mark} -->\n((?:\|.*\n)+)", README)
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows.splitlines()[2:]]


ROTATED = ("Cu", "MgO-rocksalt", "Si")
"""Crystals that all entries of the README's table were rotated at."""


@pytest.mark.parametrize("row", table("rotation"), ids=lambda row: row[0].strip("`"))
def test_rotation_errors_are_those_of_the_published_results_at_the_same_crystals(row: list[str]) -> None:
    entry, figure = row
    records = read_records(ROOT / "leaderboard" / "results" / "constraints" / f"{entry.strip('`')}.parquet")
    found = load("constraints").table([record for record in records if record.sample in ROTATED])
    values = [each["rotation_force"] for each in found]
    assert len(values) == len(ROTATED)
    assert figure == f"{statistics.mean(map(float, map(str, values))):#.3g}"
    assert f"({', '.join(name.partition('-')[0] for name in ROTATED)})" in README


def test_throughput_is_what_the_report_of_the_gpu_says() -> None:
    told = json.loads((ROOT / "leaderboard" / "results" / "benchmarks" / "h200" / "gpu-report.json").read_text())
    ways = told["relaxation"]
    seconds = {way: each["seconds_per_crystal"] for way, each in ways.items() if isinstance(each, dict)}
    lbfgs, fire = seconds["ours, L-BFGS"], seconds["ours, FIRE"]
    loop, torch_sim = seconds["ASE, one by one, FIRE"], seconds["torch-sim in process, FIRE"]
    expected = [loop / lbfgs, loop / fire, torch_sim / fire, fire / lbfgs]
    assert [row[-1] for row in table("throughput")] == [
        f"{ratio:.2g}" if ratio < 100 else f"{ratio:.0f}" for ratio in expected
    ]
    torch = ".".join(told["facts"]["packages"]["torch"].split(".")[:2])
    said = (
        f"{ways['crystals']} distorted crystals, SevenNet-0 through the isolated worker on an H200 with torch {torch}, "
    )
    assert f"{said}to {ways['fmax']} eV/Å" in README.replace("\n", " ")
    assert (ways["model"], told["facts"]["accelerator"]) == ("sevennet-0", "NVIDIA H200")


def test_checkpoints_are_counted() -> None:
    assert f"`mlip-zoo list` shows {len(index.names())} checkpoints." in README


def test_evaluations_of_an_average_are_those_that_its_mode_costs() -> None:
    costs = [Mode(averaging=name).cost_force_calls for name in ("o3-3", "o3-5", "o3-7")]
    assert f"({costs[0]}, {costs[1]} and {costs[2]} evaluations;" in README


def test_the_site_is_built_in_the_time_that_was_measured() -> None:
    told = json.loads((ROOT / "leaderboard" / "results" / "benchmarks" / "cpu" / "bench.json").read_text())
    assert f"in {told['site']['CPU seconds']:.0f} s of CPU time" in README


@pytest.mark.parametrize("row", table("tasks"), ids=lambda row: row[0].strip("`"))
def test_samples_are_those_of_the_subsets(row: list[str]) -> None:
    found = [sample_names(row[0].strip("`"), subset) for subset in SUBSETS]
    shown = row[3].split(" / ")
    assert [each for each, names in zip(shown, found, strict=True) if isinstance(names, frozenset)] == [
        f"{len(names):,}" for names in found if isinstance(names, frozenset)
    ]


def test_the_table_of_tasks_has_them_all() -> None:
    assert sorted(row[0].strip("`") for row in table("tasks")) == names()


RAN = {"kappa": "sevennet-0@conservative", "ladder": "pet-tiny@conservative"}


@pytest.mark.parametrize("row", table("tasks"), ids=lambda row: row[0].strip("`"))
def test_evaluations_a_sample_are_those_of_the_published_results(row: list[str]) -> None:
    task, evaluations = row[0].strip("`"), row[-1]
    path = ROOT / "leaderboard" / "results" / task / f"{RAN.get(task, 'chgnet-0.3.0@conservative')}.json"
    if not path.exists():
        assert evaluations == "–"
        return
    run = read_result(path).run
    assert evaluations == f"{run.cost.force_calls / run.counts.total:,.0f}"


def test_what_isolation_costs_is_what_was_measured() -> None:
    told = json.loads((ROOT / "leaderboard" / "results" / "benchmarks" / "cpu" / "bench.json").read_text())
    found = re.search(r"outside the model, ([\d.]+) % of a\s+call of 64 atoms .*? and ([\d.]+) % of one of 256", README)
    assert found is not None
    for case, figure in zip(("64 atoms", "256x8 atoms"), found.groups(), strict=True):
        for mode in ("bwrap", "landlock"):
            (share,) = (
                value["median"]
                for name, value in told["isolation"].items()
                if name.startswith("outside the model") and f", {mode}, {case} " in name
            )
            assert f"{100 * share:.1f}" == figure


def test_the_table_of_variables_is_what_the_settings_say() -> None:
    assert settings.table() in README


def test_the_picture_of_the_folders_is_complete() -> None:
    (picture,) = (block for block in blocks("text") if block.startswith("zoo/ "))
    top, shown = "", set()
    for line in picture.splitlines():
        if not line.startswith(" "):
            top = line.split("/")[0]
        else:
            shown |= {f"{top}/{name}" for name in re.findall(r"(?:^|\s)([a-z]+)/\s", line)}
    packages = {"zoo", "evaluation", "leaderboard"}
    folders = {f"{top}/{path.name}" for top in packages for path in (ROOT / top).iterdir() if path.is_dir()}
    assert shown == {name for name in folders if not name.endswith(("__pycache__", "/weights"))}
