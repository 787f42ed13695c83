"""Shards: every chunk is in one of them, they weigh alike, and nothing but the plan and the number decides them."""

from __future__ import annotations

import random

import pytest
from ase import Atoms
from hypothesis import given
from hypothesis import strategies as st

from evaluation.harness.shard import Shard, divide
from evaluation.harness.store import Chunk
from evaluation.task import Sample


def plan(sizes: list[int]) -> list[Chunk]:
    """Chunks of one sample with that many atoms."""
    return [
        Chunk(f"fast-{number:04d}", (Sample(str(number), Atoms("H" * size), "fast"),))
        for number, size in enumerate(sizes)
    ]


def atoms(part: list[Chunk]) -> int:
    return sum(len(chunk.samples[0].atoms) for chunk in part)


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(1, 12))
def test_each_chunk_is_in_one_shard_in_the_plans_order(sizes: list[int], count: int) -> None:
    whole = plan(sizes)
    parts = divide(whole, count)
    assert len(parts) == count
    assert sorted(chunk.name for part in parts for chunk in part) == [chunk.name for chunk in whole]
    assert all(part == sorted(part, key=lambda chunk: chunk.name) for part in parts)
    assert [shard.choose(whole) for shard in Shard.all(count)] == parts


@given(st.lists(st.integers(1, 30), min_size=1, max_size=40), st.integers(1, 12))
def test_shards_differ_by_no_more_than_the_largest_chunk(sizes: list[int], count: int) -> None:
    loads = [atoms(part) for part in divide(plan(sizes), count)]
    assert max(loads) - min(loads) <= max(sizes)


def test_a_known_division() -> None:
    parts = divide(plan([5, 1, 4, 2, 3]), 2)
    assert [[chunk.name[-1] for chunk in part] for part in parts] == [["0", "1", "3"], ["2", "4"]]


def test_the_order_in_which_a_plan_is_listed_decides_nothing() -> None:
    whole = plan([3, 3, 2, 2, 1, 1])
    shuffled = random.Random(0).sample(whole, len(whole))
    for one, other in zip(divide(whole, 3), divide(shuffled, 3), strict=True):
        assert {chunk.name for chunk in one} == {chunk.name for chunk in other}


def test_a_shard_is_written_as_i_of_n() -> None:
    assert Shard.parse("3/8") == Shard(3, 8)
    assert (str(Shard(3, 8)), Shard(3, 8).name) == ("3/8", "3-of-8")


@pytest.mark.parametrize("text", ["0/8", "9/8", "3", "3/", "-1/2", "a/b", "1/0", ""])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="shard"):
        Shard.parse(text)
