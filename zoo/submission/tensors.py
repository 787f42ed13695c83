"""Tensors: which cards have the same weights in another file, under other names or in another order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from zoo.cards.card import Card
from zoo.checkpoints import cache

_LARGEST_HEADER = 100_000_000
"""Bytes, as the safetensors format has it."""


def fingerprint(path: Path) -> str:
    """SHA-256 of a safetensors file's tensors as a multiset of (dtype, shape, bytes), whatever they are called.

    Raises ValueError for a file that is none.
    """
    found = []
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > _LARGEST_HEADER:
            raise ValueError(f"{path}: no safetensors file")
        header = json.loads(file.read(size))
        for name, tensor in header.items():
            if name == "__metadata__":
                continue
            begin, end = tensor["data_offsets"]
            file.seek(8 + size + begin)
            data = hashlib.sha256(file.read(end - begin)).hexdigest()
            found.append(f"{tensor['dtype']} {tensor['shape']} {data}")
    return hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest()


def same_tensors(weights: Path, card: Card, others: Iterable[Card]) -> list[str]:
    """One sentence for each other card of the family whose converted weights are these.

    A card whose weights are not on this machine is compared by their hash alone.
    """
    mine, size = None, weights.stat().st_size
    found = []
    for other in others:
        pinned = other.checkpoint.safetensors
        if other.name == card.name or pinned is None or other.family != card.family:
            continue
        # headers hold names and metadata: the same tensors make files that are about as large
        if abs(pinned.weights.bytes - size) > max(10_000, size // 10):
            continue
        theirs = cache.cached(pinned.weights)
        if theirs is None:
            continue
        mine = mine or fingerprint(weights)
        if fingerprint(theirs) == mine:
            found.append(f"{other.name} has the same tensors: one checkpoint in two files")
    return found
