"""Pictures of symmetry, from records alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
import vl_convert

from evaluation.record import Record
from evaluation.tasks.symmetry import TASK
from leaderboard.views import view
from leaderboard.views.base import Panel, View
from tests.evaluation.morse_crystals import MorseCrystals
from zoo.wrappers.surrogate import Surrogate


def drawn(shown: View, panel: Panel) -> str:
    assert panel.datasets is not None
    spec: dict[str, Any] = {**(panel.spec or shown.spec()), "datasets": panel.datasets, "width": 200}
    return vl_convert.vegalite_to_svg(spec)


@pytest.fixture(scope="module")
def records() -> list[Record]:
    samples = [each for each in TASK.samples("canary") if each.id.startswith(("Si", "Cu"))]
    return TASK.run(samples, Surrogate(MorseCrystals(unknown=["Cu"]), quadrupole=1e-2))


def test_survival_comes_first_and_then_a_panel_for_each_crystal(records: list[Record]) -> None:
    rows = TASK.table(records)
    shown = view("symmetry")
    assert shown is not None
    reference, strained, copper, silicon = shown.panels(records, rows)
    assert strained.note == "0.00 at 1e-05 Å, 0.00 at 0.01 Å"
    for curve in (reference, strained):
        assert curve.datasets is not None
        assert [point["kept"] for point in curve.datasets["own"]] == [0.0] * 7 + [1.0] * 2
        assert [point["kept"] for point in curve.datasets["fixed"]] == [1.0] * 9
        assert curve.datasets["other"] == []
        assert drawn(shown, curve).count('aria-roledescription="line mark"') >= 2
    assert (copper.datasets, copper.reason) == (None, "unsupported: not that")
    assert silicon.note == "displacement-count ratio 6 / 6"
    assert silicon.datasets is not None
    assert len(silicon.datasets["kept"]) == 18
    assert {square["relaxation"] for square in silicon.datasets["kept"]} == {"reference", "strained"}
    assert "Si" not in drawn(shown, silicon)
    assert "strained" in drawn(shown, silicon)


def test_nothing_relaxed_is_said(records: list[Record]) -> None:
    broken = [record for record in records if record.status != "ok"]
    shown = view("symmetry")
    assert shown is not None
    panel = shown.panels(broken, TASK.table(broken))[0]
    assert (panel.datasets, panel.reason) == (None, "no crystal was relaxed")


def test_columns_are_the_tasks(records: list[Record]) -> None:
    shown = view("symmetry")
    assert shown is not None
    rows = TASK.table(records)
    assert all({column.name for column in shown.columns} <= set(row) for row in rows)
    json.dumps([panel.datasets for panel in shown.panels(records, rows)], allow_nan=False)
