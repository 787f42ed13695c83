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
        ([1.46, 1.71], [1.5, 1.6, 1.7]),
        ([99.0, 101.0], [99.0, 100.0, 101.0]),
        ([28146.0, 198938.0], [3e4, 5e4, 8e4, 1.5e5]),
    ],
)
def test_powers_of_ten_where_there_are_enough(values: list[float], ticks: list[float]) -> None:
    assert log_ticks(values) == ticks


@given(st.lists(st.floats(1e-12, 1e12), min_size=2))
def test_ticks_are_few_and_inside(values: list[float]) -> None:
    ticks = log_ticks(values)
    assert len(ticks) <= 6
    assert all(min(values) / 1.01 <= tick <= max(values) * 1.01 for tick in ticks)
    assert ticks == sorted(ticks)


@given(st.floats(1e-9, 1e9), st.floats(0.01, 100.0))
def test_a_narrow_range_has_ticks_too(low: float, share: float) -> None:
    assert len(log_ticks([low, low * (1 + share)])) >= 2
