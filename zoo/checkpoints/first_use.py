"""Load on first use: a card that pins no bytes is pinned by the person who loads it, once, and verified ever after.

The card's own pins always win. What the person's say of other cards stands in `zoo.checkpoints.user_pins`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache as once
from pathlib import Path

from zoo import settings
from zoo.cards.card import Card
from zoo.cards.checkpoint import Arguments, Checkpoint, HubFile, HubSource, PinnedFile, Safetensors, WebPage
from zoo.checkpoints import cache, user_pins
from zoo.checkpoints.pin import pin
from zoo.checkpoints.user_pins import UserCheckpoint, UserPin
from zoo.errors import (
    CardError,
    CheckpointError,
    ChecksumMismatch,
    OfflineError,
    PinsError,
    UnpinnedCheckpoint,
)
from zoo.files import sha256
from zoo.progress import Say, download

log = logging.getLogger(__name__)


def pinned(card: Card, *, say: Say = lambda _: None) -> Card:
    """The card with a checkpoint whose bytes are known: its own, the person's, or what its place has now.

    In the last case the files are fetched and verified, the person's pins get an entry, and a warning says so. Raises
    UnpinnedCheckpoint where MLIP_ZOO_PINNED_ONLY forbids that, PinsError, CheckpointError, CardError.
    """
    place = card.checkpoint.unpinned
    if place is None:
        _warn_of_another(card)
        return card
    known = user_pins.read(settings.pins_file()).get(card.name)
    if known is None:
        if settings.pinned_only():
            raise UnpinnedCheckpoint(
                f"{card.name}: its card pins no bytes of the checkpoint, which is {place}, and "
                f"{settings.PINNED_ONLY.name} is on. 'mlip-zoo pins add {card.name}' pins what is there now in "
                f"{settings.pins_file()}, 'mlip-zoo pin {card.name} --write' in the card."
            )
        known = pin_now(card, say=say)
    return _with(card, known)


def pin_now(card: Card, *, revision: str | None = None, say: Say = lambda _: None) -> UserPin:
    """Fetch what the card's place has now, and put it into the person's pins. Returns the entry that stands there.

    `revision`: as in `zoo.checkpoints.pin.pin`. Raises as `pinned` does.
    """
    place = card.checkpoint.unpinned
    if settings.offline():
        raise OfflineError(
            f"{card.name}: its card pins no bytes of the checkpoint, which is {place}, you have not pinned them, and "
            f"{settings.offline_switch()} switches the network off. On a connected machine run 'mlip-zoo fetch "
            f"{card.name} --mirror DIR'; bring DIR and {settings.pins_file()} here, and name them by MLIP_ZOO_MIRROR "
            "and MLIP_ZOO_PINS."
        )
    found = pin(card, revision=revision, say=say, keep=cache.store)
    for file in _published(found.checkpoint):
        cache.fetch(file, label=card.name, progress=download(say), claim=_ANNOUNCED)
    assert place is not None  # `pin` raises for a card that has pins, and for a page
    assert not isinstance(place, WebPage)
    entry = UserPin.of(found.checkpoint, place, day=f"{datetime.now(UTC):%Y-%m-%d}")
    kept = user_pins.add(settings.pins_file(), card.name, entry)
    log.warning(
        "%s: its card pins no bytes, so that what %s has now (%s) was pinned in %s; from now on it is verified.",
        card.name,
        place,
        _identity(kept),
        settings.pins_file(),
    )
    return kept


def keep_conversion(card: Card, weights: Path, config: Path) -> bool:
    """Note the hashes of a conversion beside that of its source, and keep its files: loading uses them from now on.

    False where the person's pins do not have that source. Raises PinsError, CheckpointError.
    """
    path = settings.pins_file()
    known = user_pins.read(path).get(card.name)
    if known is None or known.checkpoint().upstream != card.checkpoint.upstream:
        return False
    made = {where: PinnedFile(sha256=sha256(where), bytes=where.stat().st_size) for where in (weights, config)}
    for where, file in made.items():
        cache.store(where, file)
    converted = Checkpoint(
        upstream=card.checkpoint.upstream,
        upstream_format=card.checkpoint.upstream_format,
        upstream_config=card.checkpoint.upstream_config,
        safetensors=Safetensors(weights=made[weights], config=made[config]),
    )
    user_pins.replace(path, card.name, UserPin.of(converted, known.place, day=known.day))
    return True


def require_unmoved(card: Card, checkpoint: UserCheckpoint, file: PinnedFile) -> None:
    """Raise ChecksumMismatch when the commit of a file that no source has is gone and others took its place."""
    place = checkpoint.place
    source = next((source for source in file.sources if isinstance(source, HubSource)), None)
    if not isinstance(place, HubFile) or source is None or settings.offline():
        return
    bare = Checkpoint(
        unpinned=place,
        upstream_format=checkpoint.upstream_format,
        upstream_config=_spelt_out(checkpoint),
    )
    try:
        now = pin(card.model_copy(update={"checkpoint": bare})).checkpoint
    except (CheckpointError, CardError):
        return
    for other in _published(now):
        there = next(each for each in other.sources if isinstance(each, HubSource))
        if there.file == source.file and there.revision != source.revision:
            raise ChecksumMismatch(
                f"{card.name}: {place.hub} has moved: the commit that you pinned on {checkpoint.day} is gone.\n"
                f"  pinned: sha256 {file.sha256}, {file.bytes:,} bytes, commit {source.revision}\n"
                f"  now:    sha256 {other.sha256}, {other.bytes:,} bytes, commit {there.revision}\n"
                f"Nothing was loaded. {claim(card.name).then}"
            )


def claim(name: str) -> cache.Claim:
    """Who vouches for a file that the person pinned."""
    return cache.Claim(
        by=f"{settings.pins_file()} pins",
        then=f"If that is meant to be, 'mlip-zoo pins remove {name}' forgets what you pinned, and the next load pins "
        "what is there now: it may be another model, and is compared with nothing.",
    )


_ANNOUNCED = cache.Claim(by="the Hub announced", then="Nothing was pinned. Try again, or ask the repository's owners.")


def _with(card: Card, known: UserPin) -> Card:
    if known.place != card.checkpoint.unpinned:
        raise PinsError(
            f"{card.name}: you pinned {known.place} ({_identity(known)}), and the card now names "
            f"{card.checkpoint.unpinned}. 'mlip-zoo pins remove {card.name}' forgets the old one, and the next load "
            "pins the new one."
        )
    return card.model_copy(update={"checkpoint": known.checkpoint(_spelt_out(card.checkpoint))})


def _spelt_out(checkpoint: Checkpoint) -> Arguments | None:
    """The architecture where a card describes it in its own words."""
    described = checkpoint.upstream_config
    return None if isinstance(described, PinnedFile) else described


def _identity(known: UserPin) -> str:
    hashes = (f"sha256 {known.files[role].sha256}" for role in ("upstream", "weights") if role in known.files)
    return ", ".join([next(hashes), *([f"commit {known.revision}"] if known.revision else [])])


def _published(found: Checkpoint) -> list[PinnedFile]:
    if found.safetensors is not None:
        return [found.safetensors.weights, found.safetensors.config]
    return [file for file in (found.upstream, found.upstream_config) if isinstance(file, PinnedFile)]


def _warn_of_another(card: Card) -> None:
    try:
        known = user_pins.read(settings.pins_file()).get(card.name)
    except PinsError as error:
        _warn_once(f"{error}\n{card.name} needs none of them: its card has pins of its own.")
        return
    if known is not None and not _agree(known, card.checkpoint):
        _warn_once(
            f"{card.name}: its card is pinned now, and wins over {settings.pins_file()}, which pins other bytes "
            f"({_identity(known)}); 'mlip-zoo pins remove {card.name}' forgets those."
        )


def _agree(known: UserPin, checkpoint: Checkpoint) -> bool:
    mine, its = known.checkpoint(), checkpoint
    if mine.upstream and its.upstream:
        return mine.upstream.sha256 == its.upstream.sha256
    if mine.safetensors and its.safetensors:
        return mine.safetensors.weights.sha256 == its.safetensors.weights.sha256
    return False


_warn_once: Callable[[str], None] = once(log.warning)
