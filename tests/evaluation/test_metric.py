"""Means and intervals: bounds, order, and what a missing number costs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation import metric
from evaluation.metric import Metric, Score, mean_score

PLAIN = Metric(name="x", label="x", unit="", better="lower", best=0.0, doc="x")
COSTLY = PLAIN.model_copy(update={"on_failure": "worst", "worst": 2.0})

numbers = st.floats(-1e6, 1e6)


@given(st.lists(numbers, min_size=2, max_size=40))
def test_an_interval_holds_the_mean_and_stays_inside_the_sample(values: list[float]) -> None:
    score = mean_score(values, PLAIN)
    assert score.low is not None
    assert score.high is not None
    assert score.value is not None
    slack = 1e-9 * max(map(abs, values)) + 1e-12
    assert min(values) - slack <= score.low <= score.high <= max(values) + slack


@given(st.lists(numbers, min_size=1, max_size=20), st.randoms())
def test_the_mean_does_not_depend_on_the_order(values: list[float], random: object) -> None:
    shuffled = sorted(values)
    scale = max(map(abs, values)) + 1.0
    assert mean_score(values, PLAIN).value == pytest.approx(mean_score(shuffled, PLAIN).value, abs=1e-9 * scale)


def test_over_nothing_there_is_no_number() -> None:
    assert mean_score([], PLAIN) == Score(value=None, n=0, n_missing=0)
    assert mean_score([None, None], PLAIN).value is None
    assert mean_score([None, None], PLAIN).n_missing == 2


def test_one_sample_has_no_interval() -> None:
    score = mean_score([1.5], PLAIN)
    assert (score.value, score.low, score.high) == (1.5, None, None)


def test_what_a_failure_costs_is_the_metrics_say() -> None:
    assert mean_score([1.0, None], PLAIN).value == 1.0
    assert mean_score([1.0, None], COSTLY).value == 1.5
    assert mean_score([1.0, None], COSTLY).n_missing == 1


@pytest.mark.parametrize("at_once", [1, 7_001, 50_000])
def test_resamples_drawn_in_parts_are_those_drawn_at_once(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = np.random.default_rng(3).normal(size=101)
    whole = np.random.default_rng(metric.SEED).integers(0, 101, size=(metric.RESAMPLES, 101))
    expected = np.percentile(numbers[whole].mean(axis=1), [2.5, 97.5])
    monkeypatch.setattr(metric, "_LARGEST_DRAW", at_once)
    assert metric.bootstrap_interval(numbers) == tuple(expected)


@pytest.mark.parametrize("draw", ["exponential", "shares", "one in a thousand is 300 times as large"])
def test_the_interval_of_many_numbers_is_what_resampling_gives(draw: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    numbers = {
        "exponential": rng.exponential(size=20_000),
        "shares": (rng.random(20_000) < 0.07).astype(float),
        "one in a thousand is 300 times as large": np.where(rng.random(20_000) < 1e-3, 300.0, 1.0),
    }[draw]
    monkeypatch.setattr(metric, "RESAMPLES", 8000)  # known to a twentieth of the mean's error
    drawn = np.array(metric.bootstrap_interval(numbers))
    monkeypatch.setattr(metric, "_MANY", 20_000)
    worked_out = np.array(metric.bootstrap_interval(numbers))
    assert np.abs(worked_out - drawn).max() < 0.08 * numbers.std() / np.sqrt(numbers.size)


def test_many_equal_numbers_have_no_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric, "_MANY", 3)
    assert metric.bootstrap_interval(np.ones(3)) == (1.0, 1.0)
