"""Ticks of logarithmic axes: few, and inside of what is drawn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.charts.log_axis import log_ticks


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([], []),
        ([0.0], []),
        ([1e-4, 0.1], [1e-4, 1e-3, 1e-2, 1e-1]),
        ([3e-5, 3e-2], [1e-4, 1e-3, 1e-2]),
        ([0.9, 12.0], [1.0, 2.0, 5.0, 10.0]),
        ([1.9, 6.1], [2.0, 3.0, 4.0, 5.0, 6.0]),
        ([2.0], [2.0]),
    ],
)
def test_powers_of_ten_where_there_are_enough(values: list[float], ticks: list[float]) -> None:
    assert log_ticks(values) == ticks


@given(st.lists(st.floats(1e-12, 1e12), min_size=2))
def test_ticks_are_few_and_inside(values: list[float]) -> None:
    ticks = log_ticks(values)
    assert len(ticks) <= 8
    assert all(min(values) / 1.01 <= tick <= max(values) * 1.01 for tick in ticks)
    assert ticks == sorted(ticks)
