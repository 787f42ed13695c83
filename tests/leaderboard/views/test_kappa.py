"""The picture of conductivities: a panel for each structure, and a specification that can be drawn."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import vl_convert

from evaluation.outputs.kappa import Modes
from evaluation.record import Record
from evaluation.tasks.kappa import TASK
from leaderboard.views import kappa
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


def modes(frequencies: list[list[float]], conductivities: list[list[float]]) -> Modes:
    """Two q points, of which the second stands for three."""
    found, weights = np.array(conductivities), np.array([1, 3])
    tensor = np.array([found.sum() / 4] * 3 + [0.0] * 3)
    return Modes(np.zeros((2, 3), int), weights, np.array(frequencies), found, tensor, np.zeros(6))


def test_a_solids_modes_are_summed_by_frequency(monkeypatch: pytest.MonkeyPatch) -> None:
    of_model = modes([[0.0, 2.0], [1.0, 4.0]], [[0.0, 8.0], [4.0, 12.0]])
    record = Record(sample="LiF-rocksalt", status="ok", outputs={"outcome": "kappa", **of_model.as_json()})
    failed = Record(sample="NaBr-rocksalt", status="ok", outputs={"outcome": "imaginary"})
    ref = modes([[0.0, 2.5], [1.0, 5.0]], [[0.0, 8.0], [4.0, 16.0]])
    reference = SimpleNamespace(
        spectrum=SimpleNamespace(frequencies=ref.frequencies, weights=ref.weights),
        mode_kappa=ref.mode_kappa,
        kappa=ref.kappa,
    )
    monkeypatch.setattr(kappa, "references", lambda: {"LiF-rocksalt": reference})
    *_, panel = VIEW.panels([failed, record], ROWS)
    assert (panel.title, panel.note) == ("LiF-rocksalt", "κ 6.0 of 7.0, SRME 0.62")
    assert panel.datasets is not None
    model, dft = panel.datasets["model"], panel.datasets["reference"]
    assert (model[-1], dft[-1]) == ({"w": 5.0, "k": 6.0}, {"w": 5.0, "k": 7.0})
    up_to = {point["w"]: point["k"] for point in model}
    for frequency, together in ((0.9, 0.0), (1.1, 1.0), (2.1, 3.0), (3.9, 3.0), (4.1, 6.0)):
        assert up_to[min(up_to, key=lambda w: abs(float(w) - frequency))] == together
    drawn = vl_convert.vegalite_to_svg({**(panel.spec or {}), "datasets": panel.datasets, "width": 200})
    assert drawn.count('aria-roledescription="line mark"') == 2


def test_a_canary_has_no_reference_among_its_modes() -> None:
    of_model = modes([[0.0, 2.0], [1.0, 4.0]], [[0.0, 8.0], [4.0, 12.0]])
    record = Record(sample="Si", status="ok", outputs={"outcome": "kappa", **of_model.as_json()})
    (panel,) = VIEW.panels([record], [row("Si", 6.0, None, None)])
    assert panel.note == "κ 6.0"
    assert panel.datasets is not None
    assert panel.datasets["reference"] == []
