"""Which step is recommended, and what lies on the front."""

from __future__ import annotations

import pytest

from evaluation.metrics.mitigation import GoodEnough, Means, column, cost, front, means, recommended

LIMITS = GoodEnough(difference=0.05, share=0.1)
STEPS = ("raw", "usual", "o3_3", "head")


def row(**pairs: tuple[float, float] | None) -> dict[str, object]:
    """Cost and error of some steps of one crystal; the others were not reached."""
    made: dict[str, object] = {}
    for step in STEPS:
        made[column(step, "cost")], made[column(step, "frequency_mae")] = pairs.get(step) or (None, None)
    return made


def test_the_cheapest_that_is_good_enough() -> None:
    rows = [row(raw=(1, 2.0), usual=(2, 0.54), o3_3=(80, 0.5), head=(4, 0.52))]
    assert recommended(rows, STEPS, LIMITS) == "usual"
    assert recommended(rows, STEPS, GoodEnough(difference=0.03, share=0.0)) == "head"
    assert recommended(rows, STEPS, GoodEnough(difference=0.0, share=0.0)) == "o3_3"
    assert recommended(rows, STEPS, GoodEnough(difference=0.0, share=4.0)) == "raw"


def test_of_equal_costs_the_first_is_taken() -> None:
    assert recommended([row(usual=(2, 0.5), head=(2, 0.49))], STEPS, LIMITS) == "usual"


def test_means_are_over_the_same_crystals() -> None:
    rows = [row(raw=(1, 0.1), usual=(2, 0.5), o3_3=(80, 0.4)), row(usual=(4, 0.7), o3_3=(90, 0.6)), row(raw=(1, 0.0))]
    found = means(rows, STEPS, "frequency_mae")
    assert set(found) == {"usual", "o3_3"}  # raw lacks a crystal that the usual workflow has
    assert found["usual"].cost == 3
    assert found["usual"].error == pytest.approx(0.6)
    assert recommended(rows, STEPS, LIMITS) == "o3_3"


def test_nothing_to_compare_is_none() -> None:
    assert recommended([], STEPS, LIMITS) is None
    assert recommended([row(raw=(1, 0.1))], STEPS, LIMITS) is None


def test_the_front_is_what_nothing_cheaper_beats() -> None:
    of = {"a": Means(1, 0.9), "b": Means(1, 0.8), "c": Means(2, 0.8), "d": Means(5, 0.3), "e": Means(9, 0.4)}
    assert front(of) == ["b", "d"]
    assert front({}) == []


def test_a_cost_is_in_force_calls_on_the_supercell() -> None:
    assert cost(20 * 2 + 2 * 64, 64, weight=1.0) == 2.625
    assert cost(64, 64, weight=1.9) == 1.9
