"""Model files: what a worker loads of a checkpoint, by role, wherever it can be had."""

from __future__ import annotations

from pathlib import Path

from zoo.cards.card import Card
from zoo.cards.checkpoint import Checkpoint
from zoo.checkpoints import cache
from zoo.checkpoints.convert import convert_as_pinned
from zoo.checkpoints.upstream import fetched, upstream_files
from zoo.errors import CheckpointNotFound
from zoo.progress import Say


def prepare(card: Card, *, say: Say = lambda _: None) -> dict[str, Path]:
    """The files that a worker loads, by role: the safetensors form wherever it can be had.

    In order: the safetensors that are already here, those that a source has, those made here from the upstream
    checkpoint (they must come out with the hashes that the card pins), and, for a card that pins none, the upstream
    checkpoint itself. Raises UnpinnedCheckpoint, CheckpointError, ConversionError.
    """
    card.require_pinned()
    pinned = card.checkpoint.safetensors
    if pinned is None:
        return upstream_files(card, say=say)
    wanted = {"weights": pinned.weights, "config": pinned.config}
    here = {role: cache.cached(file) for role, file in wanted.items()}
    if all(here.values()):
        return {role: path for role, path in here.items() if path}
    if pinned.weights.sources and pinned.config.sources:
        try:
            return {role: fetched(card, file, say=say) for role, file in wanted.items()}
        except CheckpointNotFound:
            if card.checkpoint.upstream is None:
                raise
            say("no source has the safetensors; converting the upstream checkpoint")
    return convert_as_pinned(card, wanted, say=say)


def loaded_sha256(found: Checkpoint) -> str:
    """The hash that names a checkpoint in results: of the weights that loading uses."""
    if found.safetensors is not None:
        return found.safetensors.weights.sha256
    assert found.upstream is not None  # it was loaded, so it is pinned
    return found.upstream.sha256
