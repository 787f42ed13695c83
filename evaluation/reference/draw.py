"""Draw: choices that look random and are the same everywhere, by the SHA-256 of a name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def by_hash(names: Iterable[str]) -> list[str]:
    """In the order of the names' hashes."""
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())


def seed(name: str) -> int:
    """32 bits of the name's hash, for a random generator."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
