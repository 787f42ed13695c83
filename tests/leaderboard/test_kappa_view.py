"""The picture of conductivities: a panel for each structure, and a specification that can be drawn."""

from __future__ import annotations

from typing import Any

import vl_convert

from evaluation.record import Record
from evaluation.tasks.kappa import TASK
from leaderboard.views.kappa import VIEW


def row(sample: str, pred: float | None, ref: float | None, srme: float | None) -> dict[str, object]:
    structure = sample.partition("-")[2] or "diamond"
    return {"sample": sample, "structure": structure, "kappa_pred": pred, "kappa_ref": ref, "srme": srme}


ROWS = [
    row("LiF-rocksalt", 7.89221, 14.1451, 0.6154),
    row("NaBr-rocksalt", 2.3553, 2.9518, 0.7814),
    row("BeSe-zincblende", None, 97.4, 2.0),
    row("Si", 3.5, None, None),
]


def test_a_panel_for_each_structure_that_was_run() -> None:
    panels = VIEW.panels([], ROWS)
    assert [panel.title for panel in panels] == ["rocksalt", "zincblende"]
    assert panels[0].note == "2 of 2 solids, SRME 0.70"
    assert panels[0].reason is None
    assert panels[0].datasets is not None
    assert panels[0].datasets["solids"][0] == {"solid": "LiF", "ref": 14.15, "pred": 7.892, "srme": 0.615}
    first, last = panels[0].datasets["equal"]
    assert first["ref"] == first["pred"]
    assert float(first["ref"]) < 2.3553
    assert float(last["ref"]) > 14.15
    assert panels[1].datasets is None
    assert panels[1].reason == "no solid has a conductivity"


def test_the_picture_can_be_drawn() -> None:
    spec: dict[str, Any] = {**VIEW.spec(), "datasets": VIEW.panels([], ROWS)[0].datasets, "width": 200}
    drawn = vl_convert.vegalite_to_svg(spec)
    assert drawn.count('aria-roledescription="circle"') == 2


def test_its_columns_are_the_tasks() -> None:
    (figures,) = TASK.table([Record(sample="Si", status="failed", error="it broke")])
    assert {column.name for column in VIEW.columns} <= figures.keys()
