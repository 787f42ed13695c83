"""Places and scores that disagreed, in the published records: two entries are compared over what both have."""

from __future__ import annotations

from statistics import mean

import pytest

from evaluation.definitions.eos import METRICS
from leaderboard.ranking.board import boards
from leaderboard.ranking.collect import PUBLISHED, collect
from leaderboard.ranking.rank import Rank, ranks
from tests.evaluation import first_eos

BEFORE, BEHIND = "nequix-omat-1@conservative", "sevennet-mf-0@conservative+pbe"


def test_by_means_over_what_each_had_3_63_was_behind_3_71() -> None:
    """Mean Δ, meV/atom, of 66 and of 64 elements: on those that both had, nequix-omat-1 was the better one."""
    entries = [
        f"{name}@conservative"
        for name in ("chgnet-0.2.0", "chgnet-0.3.0", "nequix-mp-1", "nequix-mp-1-pft", "nequix-oam-1", "nequix-omat-1")
    ]
    entries += [f"sevennet-{name}" for name in ("0@conservative", "0-22may2024@conservative", "l3i5@conservative")]
    entries += ["sevennet-mf-0@conservative+pbe", "tensornet-matpes-pbe@conservative"]
    values = {name: first_eos.column(name, "delta") for name in entries}
    pair = [values[name] for name in (BEHIND, BEFORE)]
    assert [mean(each.values()) for each in pair] == pytest.approx([3.633, 3.705], abs=1e-3)
    assert list(map(len, pair)) == [66, 64]
    (by_mean,) = (metric for metric in METRICS if metric.name == "delta_mean")
    everything = {symbol for of_one in values.values() for symbol in of_one}
    places = ranks({name: {s: of_one.get(s) for s in everything} for name, of_one in values.items()}, by_mean)
    assert [_place(places[name]) for name in (BEFORE, BEHIND)] == [3, 4]


def test_todays_places_of_equations_of_state_are_in_the_order_of_what_the_board_shows() -> None:
    (full,) = (each for each in boards(collect([PUBLISHED], task="eos").entries) if each.subset == "full")
    shown = [
        (place.entry.name, place.score(full.metric))
        for place in full.places
        if place.rank and not place.entry.other_theory
    ]
    values = [score.value for _, score in shown if score.value is not None]
    assert len(values) == len(shown) > 10
    assert values == sorted(values)
    assert full.caveats == ()
    order = [name for name, _ in shown]
    assert order.index(BEHIND) < order.index(BEFORE)
    elements = {name: score.n for name, score in shown}
    assert elements[BEHIND] == elements[BEFORE] == 69


def _place(rank: Rank | None) -> int | None:
    return None if rank is None else rank.place
