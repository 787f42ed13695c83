"""Pictures of the ladder: means over the same crystals, each crystal's own, and what cannot be drawn."""

from __future__ import annotations

import json
from typing import Any

import pytest
import vl_convert

from evaluation.definitions.ladder import LABELS
from evaluation.record import Record
from evaluation.task import Row
from evaluation.tasks.ladder import TASK
from leaderboard import views
from leaderboard.views.base import Panel
from leaderboard.views.ladder import VIEW

FAILED = Record(sample="x", status="failed", error="it broke")


@pytest.fixture
def row() -> Row:
    """A crystal with some steps; all others were not reached."""
    (empty,) = TASK.table([FAILED.model_copy(update={"sample": "MgO"})])
    made = empty | {"sample": "NaBr-rocksalt", "status": "ok", "error": None, "has_reference": True}
    for step, cost, error, stable in (
        ("symmetric_raw", 2.0, 0.9, False),
        ("symmetric_plus_minus", 4.0, 0.95, True),
        ("usual", 2.0, 0.5, True),
        ("o3_3", 84.0, 0.3, True),
        ("head", 4.4, 0.2, True),
    ):
        figures = {"cost": cost, "frequency_mae": error, "own_mae": error, "stable": stable, "seconds": cost / 100}
        made |= {f"{step}_{name}": figure for name, figure in figures.items()}
    return made | {"head_own_mae": None}


def drawn(panel: Panel) -> str:
    assert panel.datasets is not None
    spec: dict[str, Any] = {**VIEW.spec(), "datasets": panel.datasets, "width": 200}
    return vl_convert.vegalite_to_svg(spec)


def test_means_and_then_each_crystal(row: Row) -> None:
    other = row | {"sample": "ZnSe-zincblende", "usual_frequency_mae": 0.7, "o3_3_cost": None, "usual_stable": False}
    canary = row | {"sample": "MgO", "has_reference": False}
    panels = VIEW.panels([], [canary, other, row])
    assert [panel.title for panel in panels] == [
        "All, against PBE",
        "All, against its own reference",
        "NaBr-rocksalt",
        "ZnSe-zincblende",
        "MgO",
    ]
    means, own, salt, _, mine = panels
    assert means.datasets is not None
    points = {point["step"]: point for point in means.datasets["steps"]}
    assert set(points) == {LABELS[step] for step in ("symmetric_raw", "symmetric_plus_minus", "usual", "head")}
    assert (points["usual"]["y"], points["usual"]["modes"]) == (0.6, "imaginary")
    assert [point["step"] for point in means.datasets["front"]] == ["usual", "other head"]
    assert means.note == "2 crystals, other head: 0.20 THz"
    assert own.datasets is not None
    assert "other head" not in {point["step"] for point in own.datasets["steps"]}
    assert salt.datasets is not None
    assert "42 rotations" in {point["step"] for point in salt.datasets["steps"]}
    assert mine.note == "to its own reference, 42 rotations: 0.30 THz"
    assert "other head" in drawn(salt)
    json.dumps([panel.datasets for panel in panels], allow_nan=False)


def test_nothing_to_draw_is_said() -> None:
    rows = TASK.table([FAILED.model_copy(update={"sample": "MgO"})])
    means, own, crystal = VIEW.panels([], rows)
    assert (means.datasets, means.reason) == (None, "no crystal has a reference")
    assert (own.datasets, own.reason) == (None, "no crystal has an own reference")
    assert (crystal.datasets, crystal.reason) == (None, "it broke")


def test_the_columns_are_the_table(row: Row) -> None:
    assert views.view("ladder") is VIEW
    assert {column.name for column in VIEW.columns} <= set(row)
