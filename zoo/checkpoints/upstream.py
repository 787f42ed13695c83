"""Upstream files: what the authors published of a checkpoint, in the cache; opened by nothing but a worker."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path

from zoo.cards.card import Card
from zoo.cards.checkpoint import PinnedFile
from zoo.checkpoints import cache, first_use
from zoo.checkpoints.user_pins import UserCheckpoint
from zoo.errors import CheckpointNotFound, ConversionError
from zoo.files import json_text, write_bytes
from zoo.progress import Say, download


def upstream_files(card: Card, *, say: Say = lambda _: None) -> dict[str, Path]:
    """The files by role: 'upstream', and 'upstream_config' where the card has a description of the architecture.

    Raises UnpinnedCheckpoint, ConversionError when the card has no upstream checkpoint, CheckpointError.
    """
    card.require_pinned()
    upstream = card.checkpoint.upstream
    if upstream is None:
        raise ConversionError(f"{card.name} has no upstream checkpoint to convert; it is safetensors already")
    files = {"upstream": fetched(card, upstream, say=say)}
    described = card.checkpoint.upstream_config
    if isinstance(described, PinnedFile):
        files["upstream_config"] = fetched(card, described, say=say)
    elif described is not None:
        files["upstream_config"] = _written(described)
    return files


def fetched(card: Card, file: PinnedFile, *, say: Say) -> Path:
    """One of a card's files, verified, in the cache. Raises CheckpointError."""
    checkpoint, show = card.checkpoint, download(say)
    if not isinstance(checkpoint, UserCheckpoint):
        return cache.fetch(file, label=card.name, progress=show)
    try:
        return cache.fetch(file, label=card.name, progress=show, claim=first_use.claim(card.name))
    except CheckpointNotFound:
        first_use.require_unmoved(card, checkpoint, file)
        raise


def _written(configuration: Mapping[str, object]) -> Path:
    """The configuration that a card spells out, as a file in the cache: a worker takes files."""
    text = json_text(configuration).encode()
    file = PinnedFile(sha256=hashlib.sha256(text).hexdigest(), bytes=len(text))
    if (found := cache.cached(file)) is not None:
        return found
    with tempfile.TemporaryDirectory() as scratch:
        write_bytes(Path(scratch) / "config.json", text)
        return cache.store(Path(scratch) / "config.json", file)
