"""The dot plot of a board: an axis on which every entry can be told from the others."""

from __future__ import annotations

from typing import Any

import pytest
import vl_convert

from leaderboard.charts.board_plots import dot_plot
from leaderboard.ranking.board import boards
from tests.leaderboard.entries import entry

NAME = "rotation_force"


def axis_of(values: list[float]) -> dict[str, Any]:
    entries = [
        entry("constraints", f"m{i}", {NAME: value}, rows=[{"sample": "Si", "status": "ok", NAME: value}])
        for i, value in enumerate(values)
    ]
    (board,) = boards(entries)
    plot: Any = dot_plot(board)
    vl_convert.vegalite_to_svg({**plot, "width": 400})
    scale: dict[str, Any] = plot["layer"][0]["encoding"]["x"]["scale"]
    return scale


@pytest.mark.parametrize(
    ("values", "scale"), [([1e-10, 1e-4, 0.2], "log"), ([0.1, 0.2, 0.3], None), ([0.0, 1e-9, 0.3], None)]
)
def test_values_that_are_decades_apart_have_a_logarithmic_axis(values: list[float], scale: str | None) -> None:
    assert axis_of(values).get("type") == scale
