"""Ranks: what must hold whatever the numbers are."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.metric import Metric, Score, average_score, mean_score
from leaderboard.ranking.rank import MIN_COVERAGE, Rank, Values, ranks, ranks_by_score

LOWER = Metric(name="error", label="error", unit="eV", better="lower", best=0.0, doc="")
HIGHER = LOWER.model_copy(update={"better": "higher"})
WORST = Metric(
    name="share", label="", unit="", better="higher", best=1.0, worst=0.0, on_failure="worst", doc=""
)  # fmt: skip

# Quarters add up exactly, so that a tie is a tie in whatever order the sums are taken.
numbers = st.integers(-400, 400).map(lambda n: n / 4)
values = st.one_of(st.none(), numbers)


@st.composite
def tables(draw: st.DrawFn, value: st.SearchStrategy[float | None] = values) -> dict[str, dict[str, float | None]]:
    samples = [f"s{i}" for i in range(draw(st.integers(1, 8)))]
    entries = [f"e{i}" for i in range(draw(st.integers(1, 5)))]
    return {entry: {sample: draw(value) for sample in samples} for entry in entries}


def by_definition(table: dict[str, dict[str, float | None]], entry: str) -> int:
    """The place of an entry, straight from the sentence on the site; lower is better."""
    place = 1
    for other in table:
        pairs = [(table[entry][s], table[other][s]) for s in table[entry]]
        both = [(mine, theirs) for mine, theirs in pairs if mine is not None and theirs is not None]
        place += bool(both) and sum(theirs for _, theirs in both) < sum(mine for mine, _ in both)
    return place


@given(tables())
def test_places_are_what_the_site_says(table: dict[str, dict[str, float | None]]) -> None:
    found = ranks(table, LOWER)
    ranked = {entry: table[entry] for entry, rank in found.items() if rank is not None}
    for entry, row in table.items():
        n = sum(value is not None for value in row.values())
        assert (entry in ranked) == (n > 0 and n >= MIN_COVERAGE * len(row))
    assert {entry: rank.place for entry, rank in found.items() if rank} == {
        entry: by_definition(ranked, entry) for entry in ranked
    }


@given(tables(), st.randoms(use_true_random=False))
def test_the_order_of_entries_and_samples_does_not_matter(
    table: dict[str, dict[str, float | None]], rng: random.Random
) -> None:
    def shuffled[T](things: dict[str, T]) -> dict[str, T]:
        return dict(rng.sample(list(things.items()), len(things)))

    assert ranks(shuffled({entry: shuffled(row) for entry, row in table.items()}), LOWER) == ranks(table, LOWER)


@given(tables())
def test_the_interval_holds_the_place_and_stays_within_the_board(table: dict[str, dict[str, float | None]]) -> None:
    found = [rank for rank in ranks(table, LOWER).values() if rank is not None]
    for rank in found:
        assert rank.low is not None
        assert rank.high is not None
        assert 1 <= rank.low <= rank.place <= rank.high <= len(found)


@given(tables())
def test_higher_is_better_is_the_mirror_image(table: dict[str, dict[str, float | None]]) -> None:
    mirrored = {e: {s: None if v is None else -v for s, v in row.items()} for e, row in table.items()}
    assert ranks(mirrored, HIGHER) == ranks(table, LOWER)


@given(tables(numbers), st.data())
def test_a_better_value_never_costs_a_place(table: dict[str, dict[str, float | None]], data: st.DataObject) -> None:
    entry = data.draw(st.sampled_from(sorted(table)))
    sample = data.draw(st.sampled_from(sorted(table[entry])))
    before = ranks(table, LOWER)[entry]
    table[entry][sample] = (table[entry][sample] or 0.0) - 1000.0
    after = ranks(table, LOWER)[entry]
    assert before is not None
    assert after is not None
    assert after.place <= before.place


@given(tables())
def test_equals_share_a_rank(table: dict[str, dict[str, float | None]]) -> None:
    twins = {**table, "twin": dict(table["e0"])}
    found = ranks(twins, LOWER)
    assert found["twin"] == found["e0"]


@given(tables())
def test_an_entry_without_numbers_changes_nobodys_rank(table: dict[str, dict[str, float | None]]) -> None:
    empty: Values = dict.fromkeys(table["e0"])
    found = ranks({**table, "empty": empty}, LOWER)
    assert found.pop("empty") is None
    assert found == ranks(table, LOWER)


@given(tables())
def test_where_a_failure_costs_the_worst_a_missing_value_is_that_value(
    table: dict[str, dict[str, float | None]],
) -> None:
    filled = {e: {s: 0.0 if v is None else v for s, v in row.items()} for e, row in table.items()}
    assert ranks(table, WORST) == ranks(filled, WORST)
    assert None not in ranks(table, WORST).values()


def test_who_fails_on_the_hard_sample_gains_nothing() -> None:
    # b's own mean is 1.5, better than a's 4; on the samples that both have, a is better
    table: dict[str, Values] = {
        "a": {"easy": 1.0, "medium": 1.0, "hard": 10.0},
        "b": {"easy": 1.5, "medium": 1.5, "hard": None},
    }
    assert {name: rank and rank.place for name, rank in ranks(table, LOWER).items()} == {"a": 1, "b": 2}


def test_a_sure_order_has_no_interval_and_an_unsure_one_has() -> None:
    samples = [f"s{i}" for i in range(20)]
    sure = {name: {sample: float(level) for sample in samples} for level, name in enumerate("abc")}
    assert [ranks(sure, LOWER)[name] for name in "abc"] == [Rank(1, 1, 1), Rank(2, 2, 2), Rank(3, 3, 3)]
    # one of two wins on half of the samples, by a little more
    close: dict[str, Values] = {
        "a": {sample: float(i % 2) for i, sample in enumerate(samples)},
        "b": {sample: 1.01 - i % 2 for i, sample in enumerate(samples)},
    }
    assert [ranks(close, LOWER)[name] for name in "ab"] == [Rank(1, 1, 2), Rank(2, 1, 2)]


@pytest.mark.parametrize("table", [{}, {"a": {}}, {"a": {"s": None}}])
def test_nothing_gives_no_rank(table: dict[str, Values]) -> None:
    assert ranks(table, LOWER) == dict.fromkeys(table)


@pytest.mark.parametrize("metric", [LOWER, HIGHER, WORST])
def test_without_gaps_scores_alone_give_the_same_places(metric: Metric) -> None:
    table: dict[str, Values] = {
        "a": {"x": 0.25, "y": 0.5},
        "b": {"x": 0.5, "y": 0.25},
        "c": {"x": 0.75, "y": 1.0},
        "d": {"x": 0.0, "y": 0.25},
    }
    scores = {name: mean_score(list(values.values()), metric) for name, values in table.items()}
    found, paired = ranks_by_score(scores, 2, metric), ranks(table, metric)
    for name in table:
        alone, known = found[name], paired[name]
        assert alone is not None
        assert known is not None
        assert (alone.place, alone.low, alone.high, alone.between) == (known.place, None, None, "")


def test_a_score_over_too_few_samples_has_no_rank() -> None:
    scores = {"few": Score(value=1.0, n=4, n_missing=6), "half": Score(value=2.0, n=5, n_missing=5)}
    assert ranks_by_score(scores, 10, LOWER) == {"few": None, "half": Rank(1, None, None)}
    assert ranks_by_score({"none": Score(value=None, n=0, n_missing=10)}, 10, WORST) == {"none": None}


MEDIAN = LOWER.model_copy(update={"average": "median", "on_failure": "worst"})


@given(tables())
def test_by_median_the_places_are_those_of_the_medians(table: dict[str, dict[str, float | None]]) -> None:
    def median(row: dict[str, float | None]) -> float:
        return float(np.median([np.inf if value is None else value for value in row.values()]))

    medians = {entry: median(row) for entry, row in table.items()}
    found = {entry: rank.place for entry, rank in ranks(table, MEDIAN).items() if rank}
    assert found == {entry: 1 + sum(other < mine for other in medians.values()) for entry, mine in medians.items()}


def test_a_median_does_not_care_how_large_the_largest_error_is() -> None:
    table: dict[str, Values] = {"a": {"x": 1.0, "y": 2.0, "z": 1e9}, "b": {"x": 1.5, "y": 2.5, "z": 3.0}}
    assert {name: rank and rank.place for name, rank in ranks(table, MEDIAN).items()} == {"a": 1, "b": 2}
    score = average_score([1.0, 2.0, None], MEDIAN)
    assert (score.value, score.n, score.n_missing) == (2.0, 3, 1)
    assert average_score([1.0, None, None], MEDIAN).value is None


@pytest.mark.parametrize("metric", [LOWER, WORST, MEDIAN])
def test_what_is_not_supported_costs_nothing_and_a_failure_does(metric: Metric) -> None:
    good, bad = (1.0, 0.5) if metric.better == "higher" else (0.5, 1.0)
    known: dict[str, Values] = {"few": {"x": good, "y": good}, "all": {"x": bad, "y": bad, "z": good, "w": good}}
    assert {name: rank and rank.place for name, rank in ranks(known, metric).items()} == {"few": 1, "all": 2}
    fails: dict[str, Values] = {"few": {"x": good, "y": None, "z": None}, "all": known["all"]}
    if metric.on_failure == "worst":
        assert {name: rank and rank.place for name, rank in ranks(fails, metric).items()} == {"few": 2, "all": 1}
    assert ranks({"one": {"x": good}, "all": known["all"]}, metric)["one"] is None
