"""The pictures of the orientation task: frequencies run by run, from records alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
import vl_convert

from evaluation.outputs.quantized_array import pack, unpack
from evaluation.record import Record
from evaluation.tasks.orientation import TASK
from leaderboard import views
from leaderboard.views.orientation import VIEW, OrientationView

CELL = [[0.0, 2.105, 2.105], [2.105, 0.0, 2.105], [2.105, 2.105, 0.0]]
QPOINTS = [[0.0, 0.0, 0.0], [0.5, 0.5, 0.0]]
FREQUENCIES = [[0.0, 0.0, 0.0, 12.0, 12.0, 12.0], [8.0, 8.0, 11.0, 13.0, 13.0, 16.0]]


def ended(lowest: float) -> dict[str, Any]:
    found = {"error": None, "energy": -12.0, "cell": CELL, "positions": [[0.0] * 3, [2.105] * 3], "converged": True}
    frequencies = unpack(pack(FREQUENCIES, quantum=1e-6))  # type: ignore[arg-type]
    frequencies[1, 0] = lowest
    return {**found, "distorted": found, "frequencies": pack(frequencies, quantum=1e-6)}


def rocksalt(sample: str) -> Record:
    """Nine runs: the third has an imaginary mode, the last has no answer."""
    runs = [
        ended(8.0),
        ended(8.0),
        ended(-1.0),
        *[ended(8.0)] * 5,
        {"error": "it broke", "distorted": {"error": "too"}},
    ]
    outputs = {"space_group": 225, "numbers": [12, 8], "qpoints": QPOINTS, "orientations": runs}
    return Record.model_validate({"sample": sample, "status": "ok", "outputs": outputs})


@pytest.fixture(scope="module")
def records() -> list[Record]:
    gone = Record(sample="KTaO3-perovskite", status="unsupported", error="unsupported: not Ta")
    return [rocksalt("MgO-rocksalt"), gone]


def test_what_must_break_comes_first_and_every_mode_has_a_line(records: list[Record]) -> None:
    assert isinstance(views.view("orientation"), OrientationView)
    gone, magnesia = VIEW.panels(records, TASK.table(records))
    assert (gone.title, gone.mark, gone.reason) == ("KTaO3-perovskite", "must break", "unsupported: not Ta")
    assert gone.datasets is None
    # one of nine modes is 9 THz off in one of eight runs: √(81 · 7/64 / 9)
    assert (magnesia.mark, magnesia.note) == (None, "ω spread 0.992 THz, holds in 7 of 9")
    assert magnesia.datasets is not None
    modes = magnesia.datasets["modes"]
    assert len(modes) == 8 * 5  # lowest, three at Γ, highest
    assert [row["w"] for row in modes if row["run"] == 2] == [-1.0, 12.0, 12.0, 12.0, 16.0]
    assert magnesia.datasets["wrong"] == [{"run": 2}, {"run": 8}]


def test_the_picture_can_be_drawn(records: list[Record]) -> None:
    *_, panel = VIEW.panels(records, TASK.table(records))
    assert panel.datasets is not None
    assert len(json.dumps(panel.datasets, allow_nan=False)) < 8_000
    drawn = vl_convert.vegalite_to_svg({**VIEW.spec(), "datasets": panel.datasets, "width": 200})
    assert "stroke" in drawn


def test_the_columns_are_the_table(records: list[Record]) -> None:
    for row in TASK.table(records):
        assert {column.name for column in VIEW.columns} <= set(row)
