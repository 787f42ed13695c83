"""Collecting: what is wrong is named and left out, and nothing else suffers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.errors import UnknownTask
from evaluation.harness.store import read_records, write_records
from evaluation.metric import Score
from leaderboard.errors import NoResults, ResultFault
from leaderboard.ranking import board
from leaderboard.ranking import collect as collecting
from leaderboard.ranking.board import boards
from leaderboard.ranking.collect import collect, read_entry
from tests.leaderboard.specimens import MODELS, write_card, write_result

NAME = "chgnet-0.3.0@conservative"


def names(folders: list[Path]) -> list[tuple[str, str]]:
    return [(entry.result.run.subset, entry.name) for entry in collect(folders).entries]


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")


def test_entries_come_with_their_card_records_and_figures(results: Path) -> None:
    found = collect([results])
    assert found.faults == ()
    assert [entry.name for entry in found.entries] == [f"{name}@conservative" for name in MODELS]
    entry = found.entries[0]
    assert (entry.card.name, str(entry.mode), entry.origin) == ("chgnet-0.3.0", "conservative", "local")
    assert len(entry.records) == len(entry.rows) == entry.result.run.counts.total == 27
    assert entry.stale == ()


def test_only_another_theory_is_flagged(results: Path) -> None:
    assert {entry.card.name: entry.other_theory for entry in collect([results]).entries} == {
        "chgnet-0.3.0": False,
        "chgnet-r2scan": True,
        "sevennet-0": False,
    }


def test_the_column_that_ranks_has_the_first_metric_as_its_average(results: Path) -> None:
    for entry in collect([results]).entries:
        metric = entry.task.metrics[0]
        numbers = [np.inf if row[metric.name] is None else row[metric.name] for row in entry.rows]
        assert metric.average == "median"
        assert np.median(np.array(numbers, dtype=float)) == pytest.approx(entry.result.scores[metric.name].value)


def test_the_later_folder_counts(results: Path, tmp_path: Path) -> None:
    local = tmp_path / "local"
    better = replace(MODELS["chgnet-0.3.0"], v0=0.0001)
    write_result(local, "chgnet-0.3.0", better)
    assert names([results, local]) == names([results])
    shown = {entry.name: entry.path for entry in collect([results, local]).entries}
    assert shown[NAME].is_relative_to(local)


def test_costs_come_from_the_records_and_not_from_the_summary(results: Path) -> None:
    path = results / "eos" / f"{NAME}.json"
    before = read_entry(path).result.run.cost
    edit(path, lambda data: data["run"]["cost"].update(seconds=0.001, microseconds_per_atom=0.001, force_calls=1))
    assert read_entry(path).result.run.cost == before


def test_a_bad_card_is_one_line_on_the_board(results: Path, cards: Path) -> None:
    (cards / "chgnet-0.3.0.md").write_text("---\ntitle: No\n---\n")
    found = collect([results])
    assert len(found.entries) == len(MODELS) - 1
    (fault,) = found.faults
    assert "chgnet-0.3.0.md: title: No can be read as a boolean" in fault
    assert len(fault.splitlines()) == 1


def test_another_subset_hides_nothing(results: Path, tmp_path: Path) -> None:
    local = tmp_path / "local"
    write_result(local, "chgnet-0.3.0", MODELS["chgnet-0.3.0"], "canary")
    found = collect([results, local])
    assert [(board.subset, len(board.places)) for board in boards(found.entries)] == [("fast", 3), ("canary", 3)]


def test_published_results_are_called_so(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "PUBLISHED", results)
    monkeypatch.chdir(results)
    assert {entry.origin for entry in collect([Path()]).entries} == {"published"}
    assert {entry.origin for entry in collect([results]).entries} == {"published"}


def test_default_folders_are_the_published_and_the_local_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    published = tmp_path / "published"
    monkeypatch.setattr(collecting, "PUBLISHED", published)
    assert collecting.default_folders() == []
    published.mkdir()
    assert collecting.default_folders() == [published]
    local = Path("mlip-zoo-runs/results")
    local.mkdir(parents=True)
    assert collecting.default_folders() == [published, local]


def test_nothing_to_show_says_what_to_run(tmp_path: Path, cards: Path) -> None:
    with pytest.raises(NoResults, match=r"no results of eos in .*'mlip-zoo evaluate chgnet-0.3.0' makes one"):
        collect([tmp_path], task="eos")
    with pytest.raises(NoResults, match=r"absent: no such folder"):
        collect([tmp_path / "absent"])
    with pytest.raises(UnknownTask, match="Did you mean 'eos'"):
        collect([tmp_path], task="eoss")


def _not_json(path: Path) -> None:
    path.write_text("{", encoding="utf-8")


def _binary(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")


def _no_task(path: Path) -> None:
    edit(path, lambda data: data["run"].pop("task"))


def _extra_field(path: Path) -> None:
    edit(path, lambda data: data["run"].update(rank=1))


def _nan(path: Path) -> None:
    edit(path, lambda data: data["scores"]["delta"].update(value=float("nan")))


def _renamed(path: Path) -> None:
    path.rename(path.with_name("chgnet-0.3.0@conservative+float64.json"))


def _unknown_card(path: Path) -> None:
    edit(path, lambda data: data["run"].update(entry="chgnet-9@conservative"))
    path.rename(path.with_name("chgnet-9@conservative.json"))


def _other_card(path: Path) -> None:
    edit(path, lambda data: data["run"].update(card="sevennet-0"))


def _lacking_mode(path: Path) -> None:
    edit(path, lambda data: data["run"].update(entry="chgnet-0.3.0@direct"))
    path.rename(path.with_name("chgnet-0.3.0@direct.json"))


def _other_spelling(path: Path) -> None:
    edit(path, lambda data: data["run"].update(entry="chgnet-0.3.0@conservative+float32"))
    path.rename(path.with_name("chgnet-0.3.0@conservative+float32.json"))


def _better_score(path: Path) -> None:
    edit(path, lambda data: data["scores"]["delta"].update(value=0.1))


def _narrower_interval(path: Path) -> None:
    edit(path, lambda data: data["scores"]["delta"].update(low=3.3))


def _other_count(path: Path) -> None:
    edit(path, lambda data: data["scores"]["delta"].update(n_missing=1))


def _score_left_out(path: Path) -> None:
    edit(path, lambda data: data["scores"].pop("b0_error"))


def _grander_subset(path: Path) -> None:
    edit(path, lambda data: data["run"].update(subset="full"))


def _no_records(path: Path) -> None:
    path.with_suffix(".parquet").unlink()


def _torn_records(path: Path) -> None:
    records = path.with_suffix(".parquet")
    records.write_bytes(records.read_bytes()[:500])


def _records_left_out(path: Path) -> None:
    records = path.with_suffix(".parquet")
    write_records(records, read_records(records)[3:])


def _record_twice(path: Path) -> None:
    records = path.with_suffix(".parquet")
    read = read_records(records)
    write_records(records, [*read[:-1], read[0]])


def _stranger_among_records(path: Path) -> None:
    records = path.with_suffix(".parquet")
    read = read_records(records)
    write_records(records, [*read[:-1], read[0].model_copy(update={"sample": "Xx"})])


def _other_outputs(path: Path) -> None:
    records = path.with_suffix(".parquet")
    read = read_records(records)
    write_records(records, [*read[:-1], read[-1].model_copy(update={"outputs": {"energy": 1.0}})])


@pytest.mark.parametrize(
    ("damage", "field"),
    [
        (_not_json, "the file: Invalid JSON"),
        (_binary, "can't decode byte"),
        (_no_task, "run.task: Field required"),
        (_extra_field, "run.rank: Extra inputs"),
        (_nan, "not JSON compliant"),
        (_renamed, "a result's name is its file's name"),
        (_unknown_card, "run.entry: no card named 'chgnet-9'"),
        (_other_card, "run.card: 'sevennet-0'"),
        (_lacking_mode, "run.entry: chgnet-0.3.0 has no forces 'direct'"),
        (_other_spelling, f"is written '{NAME}'"),
        (_better_score, "scores.delta: 0.1 "),
        (_narrower_interval, "scores.delta: "),
        (_other_count, "scores.delta: "),
        (_score_left_out, "scores.b0_error: nothing in the file"),
        (_grander_subset, "run.subset: 'full' has 71 samples; the records lack 44 of them"),
        (_no_records, ".parquet: missing"),
        (_torn_records, "cannot be read as records"),
        (_records_left_out, "holds 24 records"),
        (_record_twice, "sample: one sample stands twice"),
        (_stranger_among_records, "the records lack 1 of them and hold 1 others"),
        (_other_outputs, "outputs: KeyError"),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_a_damaged_result_is_named_and_the_others_are_shown(
    results: Path, damage: Callable[[Path], None], field: str
) -> None:
    damage(results / "eos" / f"{NAME}.json")
    found = collect([results])
    assert [entry.card.name for entry in found.entries] == ["chgnet-r2scan", "sevennet-0"]
    (fault,) = found.faults
    assert str(results / "eos" / "chgnet-") in fault
    assert field in fault


def test_a_result_of_no_task_is_a_fault(results: Path) -> None:
    (results / "eos").rename(results / "eoz")
    for path in (results / "eoz").glob("*.json"):
        edit(path, lambda data: data["run"].update(task="eoz"))
    found = collect([results])
    assert len(found.faults) == 3
    assert all("no task named 'eoz'" in fault for fault in found.faults)


def test_only_damage_is_no_crash(results: Path) -> None:
    for path in (results / "eos").glob("*.json"):
        _not_json(path)
    found = collect([results])
    assert found.entries == ()
    assert len(found.faults) == 3


@pytest.mark.parametrize("what", ["protocol", "dataset"])
def test_what_was_made_otherwise_is_stale_and_not_ranked(results: Path, what: str) -> None:
    edit(results / "eos" / f"{NAME}.json", lambda data: data["run"].update({f"{what}_sha256": "0" * 64}))
    found = collect([results])
    assert found.faults == ()
    entry = found.entries[0]
    assert (entry.stale, entry.rows) == ((what,), ())
    (board,) = boards(found.entries)
    (place,) = (place for place in board.places if place.entry.name == NAME)
    assert place.rank is None
    assert place.unranked == f"made with another {what} than today's"
    assert [place.rank for place in board.places] == [None, None, None]  # one of its theory is left


def test_a_card_that_now_pins_other_weights_makes_a_result_stale(results: Path, cards: Path, tmp_path: Path) -> None:
    entry = results / "eos" / f"{NAME}.json"
    assert read_entry(entry).stale == ()
    edit(entry, lambda data: data["run"].update(checkpoint_sha256="b" * 64))
    assert read_entry(entry).stale == ("checkpoint",)


def test_few_numbers_are_shown_and_not_ranked(results: Path, cards: Path) -> None:
    (board,) = boards(collect([results]).entries)
    elements = [record.sample for record in board.places[0].entry.records]
    few = replace(MODELS["sevennet-0"], title="Few", fails=tuple(elements[:14]))
    write_card(cards, "few", few)
    write_result(results, "few", few)
    (board,) = boards(collect([results]).entries)
    (place,) = (place for place in board.places if place.entry.card.name == "few")
    assert place.rank is None
    assert place.unranked == "a number for 13 of 27 samples; a rank takes 50%"


def test_what_cannot_be_scored_is_not_ranked_where_a_failure_costs_the_worst(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a run of `kappa`'s canary alone, which has no reference."""
    entries = collect([results]).entries
    task = entries[0].task
    costly = task.metrics[0].model_copy(update={"worst": 99.0, "on_failure": "worst"})
    monkeypatch.setattr(task, "metrics", (costly, *task.metrics[1:]))
    bare = [
        replace(
            entry,
            rows=tuple({**row, "delta": None} for row in entry.rows),
            result=entry.result.model_copy(
                update={"scores": {**entry.result.scores, "delta": Score(value=None, n=0, n_missing=0)}}
            ),
        )
        for entry in entries
    ]
    (board,) = boards(bare)
    assert {place.rank for place in board.places} == {None}
    assert {place.unranked for place in board.places} == {f"none of its samples can be scored by {costly.label}"}


def test_read_entry_raises_its_fault(results: Path) -> None:
    path = results / "eos" / f"{NAME}.json"
    _better_score(path)
    with pytest.raises(ResultFault, match=r"'mlip-zoo evaluate .* --task eos --subset fast' scores again"):
        read_entry(path)


def test_a_rank_takes_three_entries_of_one_theory(results: Path, cards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "MIN_ENTRIES", 3)
    (found,) = boards(collect([results]).entries)
    assert [place.rank for place in found.places] == [None, None, None]
    assert [place.unranked for place in found.places] == [
        "a rank takes 3 entries",
        "a rank takes 3 entries",
        "a rank takes 3 entries of r2SCAN, which is ranked apart",
    ]
    third = replace(MODELS["sevennet-0"], title="Third", seed=5)
    write_card(cards, "third", third)
    write_result(results, "third", third)
    (found,) = boards(collect([results]).entries)
    assert sorted(place.rank.place for place in found.places if place.rank) == [1, 2, 3]
    assert found.places[-1].unranked == "a rank takes 3 entries of r2SCAN, which is ranked apart"
