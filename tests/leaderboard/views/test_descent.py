"""Pictures of descents, from records alone."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
import vl_convert

from evaluation.record import Record
from evaluation.tasks.descent import Descent
from leaderboard.views import view
from leaderboard.views.base import Panel, View
from tests.evaluation.morse_crystals import MorseCrystals
from zoo.batch import Computes
from zoo.cards.mode import Mode
from zoo.wrappers.surrogate import Surrogate

TASK = Descent()
TASK.__dict__["protocol"] = TASK.protocol.model_copy(update={"steps": 30})


class Direct(Surrogate):
    """Noisy direct forces beside a sound conservative head."""

    mode = Mode(forces="direct")

    def in_other_head(self) -> AbstractContextManager[Computes]:
        return nullcontext(MorseCrystals())


def drawn(shown: View, panel: Panel) -> str:
    assert panel.datasets is not None
    spec: dict[str, Any] = {**(panel.spec or shown.spec()), "datasets": panel.datasets, "width": 200}
    return vl_convert.vegalite_to_svg(spec)


@pytest.fixture(scope="module")
def records() -> list[Record]:
    samples = [each for each in TASK.samples("canary") if each.id in {"NaCl", "Cu"}]
    return TASK.run(samples, Direct(MorseCrystals(broken=["Cu"]), rough=1e-2))


def test_floors_come_first_and_then_a_panel_for_each_crystal(records: list[Record]) -> None:
    rows = TASK.table(records)
    shown = view("descent")
    assert shown is not None
    floors, copper, salt = shown.panels(records, rows)
    assert floors.note == "converged: FIRE 0.00, L-BFGS 0.00"
    assert floors.datasets is not None
    (point,) = floors.datasets["lbfgs"]
    assert point["share"] == 0.5  # copper has no floor
    assert 1 < float(point["floor"]) < 100
    (threshold,) = floors.datasets["threshold"]
    assert threshold == {"floor": pytest.approx(0.1)}
    assert (copper.datasets, copper.reason) == (None, "it broke")
    assert salt.note == "FIRE 30+ steps, L-BFGS 30+ steps"
    assert salt.datasets is not None
    for name in ("fire", "lbfgs", "conservative"):
        way = salt.datasets[name]
        assert (way[0]["step"], way[-1]["step"]) == (0, 30)
        assert float(way[0]["energy"]) > float(way[-1]["energy"]) > 0
    assert drawn(shown, salt).count('aria-roledescription="line mark"') == 3
    assert "stroke" in drawn(shown, floors)


def test_what_became_of_each_way_is_said(records: list[Record]) -> None:
    (salt,) = (record for record in records if record.sample == "NaCl")
    descents: Any = salt.outputs["descents"]
    changed = {
        "fire": {**descents["fire"], "converged": True},
        "lbfgs": {**descents["lbfgs"], "error": "the cell ran away", "cell": None, "positions": None},
    }
    record = salt.model_copy(update={"outputs": {**salt.outputs, "descents": changed}})
    shown = view("descent")
    assert shown is not None
    assert shown.panels([record], TASK.table([record]))[1].note == "FIRE 30 steps, L-BFGS broke off after 30"
    none = [record for record in records if record.status != "ok"]
    assert shown.panels(none, TASK.table(none))[0].reason == "no descent began"


def test_columns_are_the_tasks(records: list[Record]) -> None:
    shown = view("descent")
    assert shown is not None
    rows = TASK.table(records)
    assert all({column.name for column in shown.columns} <= set(row) for row in rows)
    json.dumps([panel.datasets for panel in shown.panels(records, rows)], allow_nan=False)
