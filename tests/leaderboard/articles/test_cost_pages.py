"""The pages on costs: figures follow from the reports, and a report that failed in part is told as that."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from leaderboard.articles import benchmarks_page, zoo_costs_page
from leaderboard.articles.evidence import Evidence
from leaderboard.planning.simulation import Cluster
from leaderboard.planning.whole_zoo import TaskCost, full_size, run_all
from tests.benchmarks import bench, gpu_report
from zoo.cards import index

README = Path(__file__).parents[3] / "README.md"


def test_full_subsets_are_as_large_as_the_readme_says() -> None:
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|[^|]*\| [\d,]+ / [\d,]+ / ([\d,]+) \|", README.read_text(), re.MULTILINE)
    told = {task: int(size.replace(",", "")) for task, size in rows}
    known = {task: size for task in told if (size := full_size(task)) is not None}
    assert "discovery" in known
    assert len(known) >= 15
    assert {task: told[task] for task in known} == known


def test_more_devices_take_less_time_and_no_less_money() -> None:
    costs = [TaskCost("eos", 70, atoms=1e6, around=10.0, samples_per_chunk=8)]
    one, many = (run_all(costs, models=5, rate=1e-3, cluster=Cluster(n, start_seconds=1.0)) for n in (1, 16))
    assert one.makespan == pytest.approx(5 * (1e6 * 1e-3 + 10.0) + 1.0)
    assert many.makespan < one.makespan / 10
    assert many.held >= one.held


def test_dollars_are_paid_hours_times_the_price(monkeypatch: pytest.MonkeyPatch) -> None:
    cost = TaskCost("eos", 71, atoms=3.6e9, around=0.0, samples_per_chunk=1)
    monkeypatch.setattr(zoo_costs_page, "task_costs", lambda _: [cost])
    monkeypatch.setattr(zoo_costs_page, "measured", lambda _: [])
    monkeypatch.setattr(zoo_costs_page, "TROUBLE", {})
    parts = {part.title: part for part in zoo_costs_page.article(Evidence(())).parts}
    assert parts["Dollars"].table is not None
    alone = [float(cell.replace(",", "")) for cell in parts["Dollars"].table.rows[0][1:]]
    assert alone[1] == pytest.approx(2 * alone[0], rel=1e-3)
    assert alone[0] > 1000  # 3.6e9 atoms × steps at about 100 µs are 100 hours of each of more than 100 models


def test_hours_are_told_with_and_without_waiting_for_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    cost = TaskCost("eos", 71, atoms=3.6e9, around=3.6e6, samples_per_chunk=1)
    monkeypatch.setattr(zoo_costs_page, "task_costs", lambda _: [cost])
    monkeypatch.setattr(zoo_costs_page, "measured", lambda _: [])
    monkeypatch.setattr(zoo_costs_page, "TROUBLE", {})
    (told,) = next(
        part for part in zoo_costs_page.article(Evidence(())).parts if part.title.startswith("All")
    ).sentences
    low, high = (
        float(each.replace("\N{NO-BREAK SPACE}", "")) for each in re.findall(r"[\d\N{NO-BREAK SPACE}]{3,}", told)
    )
    models = len(index.cards())
    assert high - low == pytest.approx(1000 * models, rel=0.01)


def test_a_benchmark_that_failed_has_its_reason_and_no_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks_page, "FOLDER", tmp_path)
    (tmp_path / "cpu").mkdir()
    beside = {"part_seconds": 1.0, "load": 2.0, "small": True}
    report = {
        "startup": {"failed": "Traceback\nImportError: none", **beside},
        "store": {
            "append": {"by the clock": 5e4},
            "site, s": {"median": 2.0, "low": 1.0, "high": 3.0, "n": 3},
            **beside,
        },
    }
    (tmp_path / "cpu" / "bench.json").write_text(json.dumps(report))
    failed, store = benchmarks_page.article(Evidence(())).parts
    assert failed.table is None
    assert "ImportError: none" in " ".join(failed.sentences)
    assert store.table is not None
    assert [row[0] for row in store.table.rows] == ["append, by the clock", "site, s"]
    assert store.table.rows[1][1:] == ("2", "1", "3", "3")


def test_the_published_gpu_report_is_on_the_page() -> None:
    titles = [part.title for part in benchmarks_page.article(Evidence(())).parts]
    assert any("phonons" in title and "H200" in title for title in titles)


def test_a_figure_over_many_runs_says_over_how_many() -> None:
    parts = {part.title: part for part in benchmarks_page.article(Evidence(())).parts}
    planning = parts[f"CPU: {benchmarks_page.TITLES['planning']}"].table
    assert planning is not None
    runs = {row[0]: row[-1] for row in planning.rows}
    assert int(runs["from other runs alone: seconds, off by a factor, median"]) > 100


def test_a_gpus_streams_are_on_the_page_with_what_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks_page, "FOLDER", tmp_path)
    (tmp_path / "h200").mkdir()
    streams = {
        "device": "cuda",
        "prepares_ahead": True,
        "2 atoms, beside": {"atoms_per_second": {"in turn": 1e4, "beside": 2e4}, "gain": 1.0},
        "tried": [{"atoms_per_batch": 2048}],
        "found": 4096,
    }
    report = {"facts": {"accelerator": "Example 9000"}, "streams": {"sevennet-0": streams, "part_seconds": 9.0}}
    (tmp_path / "h200" / "gpu-report.json").write_text(json.dumps(report))
    (part,) = benchmarks_page.article(Evidence(())).parts
    assert part.title == "Example 9000: streams"
    assert part.sentences == [benchmarks_page.GPU_SENTENCES["streams"]]
    assert part.table is not None
    assert [(row[0], row[1].replace("\N{NO-BREAK SPACE}", "")) for row in part.table.rows] == [
        ("sevennet-0, 2 atoms, beside, atoms per second, in turn", "10000"),
        ("sevennet-0, 2 atoms, beside, atoms per second, beside", "20000"),
        ("sevennet-0, 2 atoms, beside, gain", "1"),
        ("sevennet-0, found", "4096"),
    ]


def test_every_part_of_a_report_has_its_place_on_the_page() -> None:
    """What is no figure has none: facts, and the answers of devices and sandboxes that a test compares."""
    assert {*gpu_report.LIMITS} - {"facts", "parity", "sandbox"} == set(benchmarks_page.GPU_SENTENCES)
    assert set(bench.LIMITS) == set(bench.PARTS) == set(benchmarks_page.TITLES)
