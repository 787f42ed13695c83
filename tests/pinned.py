"""Pinned files for tests, and what a cache holds of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from zoo.cards.checkpoint import PinnedFile, Source, UrlSource

DATA = bytes(range(256)) * 2000
"""512,000 bytes, eight pieces of an answer."""


def pinned(data: bytes, *sources: Source | str) -> PinnedFile:
    """The file with these bytes; a source that is text is a URL."""
    given = tuple(UrlSource(url=source) if isinstance(source, str) else source for source in sources)
    return PinnedFile(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), sources=given)


def kept(cache: Path) -> list[str]:
    """Every file in a cache but the locks, which are empty and stay."""
    return sorted(
        path.relative_to(cache).as_posix()
        for path in cache.rglob("*")
        if path.is_file() and path.parent.name != "locks"
    )
