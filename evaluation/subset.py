"""Subset: how much of a task's dataset is run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

Subset = Literal["canary", "fast", "full"]
SUBSETS: tuple[Subset, ...] = ("canary", "fast", "full")
"""From small to large; each contains the ones before it."""


def up_to(subset: Subset) -> tuple[Subset, ...]:
    """The subset and those that it contains, from small to large."""
    return SUBSETS[: SUBSETS.index(subset) + 1]


def tiers[T](ordered: Iterable[T], *, fast: int, subset: Subset) -> Iterator[tuple[Subset, T]]:
    """What a subset has of a data set, canaries apart: the first `fast` items are one tier, the others the full's."""
    for place, item in enumerate(ordered if subset != "canary" else ()):
        tier: Subset = "fast" if place < fast else "full"
        if tier not in up_to(subset):
            return
        yield tier, item
