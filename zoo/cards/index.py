"""From a name to a card. The folder of cards is the registry."""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path

from zoo.cards.card import Card, read_card
from zoo.cards.mode import Mode
from zoo.errors import UnknownModel
from zoo.settings import cards_dir


def names() -> list[str]:
    """Names of all cards, sorted."""
    return sorted(path.stem for path in cards_dir().glob("*.md"))


def card(name: str) -> Card:
    """The card of that name. Raises UnknownModel with close matches, CardError when the card is wrong."""
    return _stored(path(name))


def path(name: str) -> Path:
    """The file of that card. Raises UnknownModel with close matches."""
    # membership in the listing, not a path made from the name: a name is not trusted
    known = names()
    if name not in known:
        raise UnknownModel(_unknown(name, known))
    return cards_dir() / f"{name}.md"


def cards() -> list[Card]:
    """All cards, by name."""
    return [_stored(cards_dir() / f"{name}.md") for name in names()]


def resolve(entry: str, **asked: str | None) -> tuple[Card, Mode]:
    """`card` or `card@mode` → the card and the full mode. Raises UnknownModel or ModeError."""
    name, _, mode = entry.partition("@")
    found = card(name)
    return found, found.mode(mode or None, **asked)


def entry_name(card: Card, mode: Mode) -> str:
    """The canonical name of a checkpoint in a mode; `resolve` reads it back."""
    return f"{card.name}@{mode}"


def _stored(path: Path) -> Card:
    return _read(path, path.stat().st_mtime_ns)


@cache
def _read(path: Path, changed: int) -> Card:  # noqa: ARG001  # a card may be pinned while this process runs
    return read_card(path)


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    close += [other for other in known if name and name.lower() in other and other not in close][:3]
    meant = f" Did you mean {' or '.join(repr(other) for other in close)}?" if close else ""
    return f"no card named {name!r}.{meant} 'mlip-zoo list' shows all {len(known)}."
