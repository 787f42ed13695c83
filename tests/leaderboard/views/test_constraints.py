"""What an entry's page says about the claims of its card."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from evaluation.harness.store import write_records
from evaluation.metrics.constraints import DETECTORS
from evaluation.protocol import protocol_sha256
from evaluation.record import Record
from evaluation.result import Result
from evaluation.task import load
from evaluation.tasks.constraints import TASK, Constraints
from leaderboard.analysis.constraint_grades import constraint_cards
from leaderboard.ranking.collect import PUBLISHED, Entry, collect
from leaderboard.site.build import pages
from leaderboard.views import view
from leaderboard.views.base import Judges
from leaderboard.views.constraints import VIEW
from tests import toy
from tests.leaderboard.entries import entry
from tests.leaderboard.specimens import MODELS, result
from tests.zoo.broken import AltersAnswer, forces_times
from tests.zoo.reference_model import Float32
from zoo.cards.card import Card
from zoo.cards.mode import Dtype, Mode


@pytest.fixture(scope="module")
def records() -> list[Record]:
    """Of float32 forces that are 2 % off; the last crystal has failed."""
    task = Constraints()
    task.__dict__["protocol"] = TASK.protocol.model_copy(update={"nve_steps": 10})
    made = task.run(task.samples("canary"), AltersAnswer(forces_times(1.02), Float32))
    return [*made[:2], Record(sample=made[2].sample, status="failed", error="it broke")]


def test_each_claim_is_judged_in_the_arithmetic_of_the_mode(records: list[Record]) -> None:
    rows = TASK.table(records)
    found = {dtype: VIEW.judgements(rows, toy.card(), Mode(dtype=dtype)) for dtype in ("float32", "float64")}
    assert [each.status for each in found["float32"]] == ["confirmed", "confirmed", "refuted"]
    assert [each.false_label for each in found["float32"]] == [False, False, True]
    assert [each.status for each in found["float64"]] == ["refuted"] * 3
    check = found["float32"][2].checks[0]
    assert (check.label, check.threshold, check.unit, check.grade) == ("gradient error, relative", 0.005, "", "B")
    assert check.value == pytest.approx(0.02, rel=0.05)
    assert check.sample in {"MgO-rocksalt", "Si"}


def test_direct_forces_are_no_false_label(records: list[Record]) -> None:
    (*_, forces) = VIEW.judgements(TASK.table(records), toy.card(), Mode(forces="direct"))
    assert (forces.status, forces.false_label, forces.said) == ("refuted", False, "not claimed by the card")


def test_a_panel_for_each_crystal(records: list[Record]) -> None:
    panels = VIEW.panels(records, TASK.table(records))
    assert [panel.title for panel in panels] == ["Cu", "MgO-rocksalt", "Si"]
    assert panels[0].reason == "it broke"
    assert panels[0].datasets is None
    assert panels[1].datasets is not None
    assert [row["h"] for row in panels[1].datasets["steps"]] == list(TASK.protocol.steps)


def test_the_page_shows_the_verdicts(records: list[Record], tmp_path: Path, cards: Path) -> None:
    assert isinstance(view("constraints"), Judges)
    name = "chgnet-0.3.0"
    model = replace(MODELS[name])
    made: Result = result(name, model, [], "canary")
    run = made.run.model_copy(
        update={
            "task": "constraints",
            "protocol_version": TASK.protocol.version,
            "protocol_sha256": protocol_sha256(load("constraints").protocol),
            "dataset_sha256": TASK.dataset_sha256,
            "counts": made.run.counts.model_copy(update={"total": 3, "ok": 2, "failed": 1}),
        }
    )
    found = Result(run=run, scores=TASK.score(TASK.table(records)))
    path = found.write(tmp_path / "results")
    write_records(path.with_name(found.records_name), records)
    files, faults = pages(collect([tmp_path / "results"]))
    assert not faults
    page = files[f"models/{name}.html"].decode()
    assert "Conservative forces: forces and stress are derivatives of the energy" in page
    assert "false label" in page
    assert re.search(r'gradient error, relative</th><td class="number"><span class="grade grade-B">B</span></td>', page)
    assert "other theory" not in page
    assert "smallest over four steps" in files["tasks/constraints.html"].decode()


def measured(force: float, dtype: Dtype, card: Card) -> Entry:
    """An entry whose forces are off by so many meV/Å under a rotation."""
    row = {name: 0.0 for names in DETECTORS.values() for name in names}
    rows = [{**row, "sample": "Si", "status": "ok", "rotation_force": force}]
    made = entry("constraints", card.name, {"rotation_force": force}, rows=rows, mode=Mode(dtype=dtype))
    return replace(made, card=card)


@pytest.mark.parametrize("force", [0.02, 0.3, 7.0, 80.0])
def test_a_violation_has_one_grade_in_both_arithmetics(force: float) -> None:
    rows = measured(force, "float32", toy.card()).rows
    single, double = (VIEW.judgements(rows, toy.card(), Mode(dtype=dtype))[0] for dtype in get_args(Dtype))
    assert (single.checks[0].grade, single.worst and single.worst.normalised) == (
        double.checks[0].grade,
        double.worst and double.worst.normalised,
    )
    assert double.checks[0].threshold == 1e-5  # what decides the claim stays that of the arithmetic


def test_what_double_precision_refutes_single_precision_does_not_confirm() -> None:
    card = toy.card()
    entries = [measured(0.02, "float32", card), measured(0.02, "float64", card)]
    for dtype in get_args(Dtype):
        (found,) = constraint_cards(card, Mode(dtype=dtype), entries)
        rotation, inversion, _ = found.judgements
        assert (rotation.status, rotation.false_label, inversion.status) == ("refuted", True, "confirmed")
        assert rotation.decided_by == (f"{card.name}@conservative+float64" if dtype == "float32" else None)
    (alone,) = constraint_cards(card, Mode(), entries[:1])
    assert [each.status for each in alone.judgements] == ["confirmed"] * 3


def test_the_published_grades_do_not_depend_on_the_arithmetic() -> None:
    """SevenNet-0 breaks inversion by 5 times what single precision explains; its float64 entry was once graded F."""
    entries = collect([PUBLISHED], task="constraints").entries
    by_name = {each.name: each for each in entries}
    compared = 0
    for name, double in by_name.items():
        single = by_name.get(name.removesuffix("+float64"))
        if single is None or single is double:
            continue
        (a,), (b,) = (constraint_cards(each.card, each.mode, entries) for each in (single, double))
        shared = {str(row["sample"]) for row in single.rows} & {str(row["sample"]) for row in double.rows}
        if len(shared) < len(single.rows):
            continue  # other crystals, another worst one
        assert [each.status for each in a.judgements] == [each.status for each in b.judgements]
        grades = [[each.worst and each.worst.grade for each in found.judgements] for found in (a, b)]
        assert grades[0] == grades[1], name
        compared += 1
    assert compared > 2
