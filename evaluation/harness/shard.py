"""Shard: a part of a run's chunks that one process works on, with about as many atoms as every other part."""

from __future__ import annotations

import heapq
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from evaluation.harness.store import Chunk


@dataclass(frozen=True, order=True)
class Shard:
    """Number `index` (from 1) of `count`; which chunks it has is decided by the plan and these two numbers alone.

    Chunks stay whole: a sample shares its batches with the same samples in every number of shards, so that the records
    do not depend on it.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise ValueError(f"there is no shard {self.index} of {self.count}; they are numbered from 1")

    @classmethod
    def parse(cls, text: str) -> Self:
        """`3/8`. Raises ValueError."""
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
        if found is None:
            raise ValueError(f"{text!r} is not I/N, as 3/8 for the third of eight shards")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def all(cls, count: int) -> list[Self]:
        """All of `count` shards."""
        return [cls(index, count) for index in range(1, count + 1)]

    @property
    def name(self) -> str:
        """`3-of-8`, for file names."""
        return f"{self.index}-of-{self.count}"

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def choose(self, plan: Sequence[Chunk]) -> list[Chunk]:
        """This shard's chunks, in the plan's order."""
        return divide(plan, self.count)[self.index - 1]


def divide(plan: Sequence[Chunk], count: int) -> list[list[Chunk]]:
    """The chunks of all of `count` shards: each chunk, from the largest on, goes where the fewest atoms are."""
    loads = [(0, place) for place in range(count)]
    places = {}
    for chunk in sorted(plan, key=lambda chunk: (-chunk.atoms, chunk.name)):
        load, place = loads[0]
        heapq.heapreplace(loads, (load + chunk.atoms, place))
        places[chunk.name] = place
    parts: list[list[Chunk]] = [[] for _ in range(count)]
    for chunk in plan:
        parts[places[chunk.name]].append(chunk)
    return parts
