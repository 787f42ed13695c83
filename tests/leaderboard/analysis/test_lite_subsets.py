"""Lite subsets: what agrees agrees, a search keeps to its price, and noise is not taken for a better list."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.analysis import lite_subsets
from leaderboard.analysis.lite_subsets import Lite, Scores, agreement, propose, search
from leaderboard.articles.evidence import Evidence
from leaderboard.articles.lite_page import article

ENTRIES = [f"m{i}@conservative" for i in range(8)]


def scores(*, noise: float, seed: int = 1, samples: int = 30) -> Scores:
    """Entry i has i + 1 on every sample, times a factor of its own for each."""
    rng = np.random.default_rng(seed)
    values = np.arange(1.0, 9.0)[:, None] * np.exp(noise * rng.normal(size=(8, samples)))
    fast, canary = np.arange(samples) < 9, np.arange(samples) < 2
    names = tuple(f"s{index}" for index in range(samples))
    checkpoints = tuple(entry.partition("@")[0] for entry in ENTRIES)
    return Scores(values, names, checkpoints, np.ones(samples), fast, canary, median=False)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lite_subsets, "STARTS", 2)
    monkeypatch.setattr(lite_subsets, "SWAPS", 60)


def test_without_noise_any_list_ranks_as_all_samples_do() -> None:
    found = agreement(scores(noise=0.0), scores(noise=0.0).fast)
    assert found.kendall == pytest.approx(1.0)
    assert found.largest_rank_change == 0
    assert found.error == pytest.approx(0.0, abs=1e-12)
    assert found.price == pytest.approx(0.3)


def test_a_reversed_order_is_minus_one_and_moves_the_first_to_the_last() -> None:
    given = scores(noise=0.0)
    values = given.values.copy()
    values[:, :9] = values[::-1, :9]
    turned = Scores(values, given.samples, given.checkpoints, given.prices, given.fast, given.canary, median=True)
    found = agreement(turned, turned.fast)
    assert found.kendall == pytest.approx(-1.0)
    assert found.largest_rank_change == 7


def test_a_search_keeps_the_canaries_and_the_price_and_is_the_same_each_time() -> None:
    given = scores(noise=1.5)
    picked = search(given)
    assert picked[given.canary].all()
    assert given.prices[picked].sum() <= given.prices[given.fast].sum()
    assert (search(given) == picked).all()
    assert (agreement(given, picked).kendall or 0) >= (agreement(given, given.fast).kendall or 0)


def test_what_a_search_finds_in_noise_is_not_confirmed_by_what_it_did_not_see() -> None:
    found = propose("eos", ENTRIES, scores(noise=3.0), fewest=6)
    assert found.lite is not None
    assert found.lite.unseen_concordant is not None
    assert found.lite.kendall is not None
    seen = (found.lite.kendall + 1) / 2
    assert seen > found.lite.unseen_concordant + 0.1


def test_too_few_checkpoints_give_a_reason_and_no_list() -> None:
    found = propose("eos", ENTRIES, scores(noise=0.5), fewest=9)
    assert (found.lite, found.names) == (None, [])
    assert found.reason is not None
    assert found.reason.startswith("8 checkpoints")


def test_the_page_says_that_the_published_search_of_eos_is_not_confirmed() -> None:
    published = {each.task: each for each in lite_subsets.read()}
    eos: Lite = published["eos"]
    assert eos.lite is not None
    assert eos.lite.price <= eos.fast.price
    parts = {part.title: part for part in article(Evidence(())).parts}
    assert set(parts) == set(published)
    confirmed = any("may replace" in sentence for sentence in parts["eos"].sentences)
    assert not confirmed  # 86 % of unseen pairs against 85 %
