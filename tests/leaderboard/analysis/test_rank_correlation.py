"""Rank correlations over entries: scipy's numbers, an interval that knows of shared weights, and no number too many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from leaderboard.analysis.rank_correlation import FEWEST_CHECKPOINTS, FEWEST_ENTRIES, correlate, kendall, spearman

PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 3)), min_size=3, max_size=12)


@given(PAIRS)
def test_a_resample_has_the_coefficients_of_its_pairs_written_out(pairs: list[tuple[int, int, int]]) -> None:
    assume(any(times for _, _, times in pairs))
    x, y, times = (np.array(each, dtype=float) for each in zip(*pairs, strict=True))
    written = [np.repeat(each, times.astype(int)) for each in (x, y)]
    ours = [float(found(x, y, times[None])[0]) for found in (spearman, kendall)]
    if any(len(set(each)) < 2 for each in written):
        assert np.isnan(ours).all()
        return
    theirs = [stats.spearmanr(*written).statistic, stats.kendalltau(*written).statistic]
    assert ours == pytest.approx(theirs, abs=1e-9)


def test_perfect_order_and_its_opposite() -> None:
    x = [1e-7, 1e-5, 1e-4, 1e-2, 1e-1, 1.0, 10.0]
    names = list("abcdefg")
    up, down = correlate(x, list(range(7)), names), correlate(x, list(range(7, 0, -1)), names)
    assert up.spearman
    assert up.kendall
    assert down.spearman
    assert (up.n, up.checkpoints, up.reason) == (7, 7, None)
    assert (up.spearman.value, up.spearman.low, up.spearman.high) == pytest.approx((1.0, 1.0, 1.0))
    assert up.kendall.value == pytest.approx(1.0)
    assert down.spearman.value == pytest.approx(-1.0)


def test_what_has_nothing_to_do_with_each_other_has_an_interval_around_zero() -> None:
    rng = np.random.default_rng(7)
    found = correlate(rng.normal(size=30).tolist(), rng.normal(size=30).tolist(), list(range(30))).spearman
    assert found
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0 < found.high
    assert found.low <= found.value <= found.high


def test_modes_of_one_checkpoint_are_no_independent_witnesses() -> None:
    # twelve entries of four checkpoints, each checkpoint's three at one spot
    x = [float(i) for i in (1, 2, 3, 4) for _ in range(3)]
    y = [float(i) for i in (1, 3, 2, 4) for _ in range(3)]
    shared = correlate(x, y, [i // 3 for i in range(12)]).spearman
    alone = correlate(x, y, list(range(12))).spearman
    assert shared
    assert alone
    assert shared.value == alone.value
    assert shared.low is not None
    assert alone.low is not None
    assert shared.low < alone.low


@pytest.mark.parametrize(
    ("n", "checkpoints", "reason"),
    [
        (0, 1, f"0 entries have both figures; a correlation takes {FEWEST_ENTRIES}"),
        (1, 1, f"1 entry has both figures; a correlation takes {FEWEST_ENTRIES}"),
        (
            FEWEST_ENTRIES - 1,
            9,
            f"{FEWEST_ENTRIES - 1} entries have both figures; a correlation takes {FEWEST_ENTRIES}",
        ),
        (9, 3, f"9 entries are of 3 checkpoints; a correlation takes {FEWEST_CHECKPOINTS}"),
    ],
)
def test_too_little_is_no_number(n: int, checkpoints: int, reason: str) -> None:
    found = correlate([float(i) for i in range(n)], [float(i) for i in range(n)], [i % checkpoints for i in range(n)])
    assert (found.spearman, found.kendall, found.n, found.reason) == (None, None, n, reason)


def test_a_figure_that_is_the_same_for_all_has_no_order() -> None:
    found = correlate([0.0] * 8, [float(i) for i in range(8)], list(range(8)))
    assert found.spearman is None
    assert found.reason == "one of the figures is the same for all entries"


def test_nothing_depends_on_the_order_of_the_entries() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 9))
    order = rng.permutation(9)
    names = np.array(list("abcdefghi"))
    first = correlate(x.tolist(), y.tolist(), names.tolist())
    other = correlate(x[order].tolist(), y[order].tolist(), names[order].tolist())
    assert first.spearman
    assert other.spearman
    assert first.spearman.value == pytest.approx(other.spearman.value)
