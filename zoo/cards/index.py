"""From a name to a card. The folder of cards is the registry; a card that is wrong is told, and stops no other."""

from __future__ import annotations

import difflib
import logging
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from zoo.cards import authors, checked
from zoo.cards.card import Card, read_card
from zoo.cards.fields import LONGEST_NAME, NAME
from zoo.cards.front_matter import file_name
from zoo.cards.mode import Mode
from zoo.characters import appearance
from zoo.errors import CardError, UnknownModel, ZooError
from zoo.settings import cards_dir

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Survey:
    """All cards of the folder."""

    cards: tuple[Card, ...]
    """Those that are right, by name."""
    faults: tuple[str, ...]
    """One line for each other file: file, field, reason."""


def names() -> list[str]:
    """Names of all cards, sorted; a file whose name cannot be a card's is none."""
    return [name for name in _stems() if len(name) <= LONGEST_NAME and NAME.fullmatch(name)]


def card(name: str) -> Card:
    """The card of that name. Raises UnknownModel with close matches, CardError when the card is wrong."""
    return _stored(path(name))


def path(name: str) -> Path:
    """The file of that card. Raises UnknownModel with close matches."""
    # no path is made of a name that cannot be a card's: it is not trusted
    if not (NAME.fullmatch(name) and (cards_dir() / f"{name}.md").is_file()) and name not in _stems():
        raise UnknownModel(_unknown(name, names()))
    return cards_dir() / f"{name}.md"


def cards() -> list[Card]:
    """All cards that are right, by name; of each other one a warning is logged, one line."""
    found = survey()
    for fault in found.faults:
        log.warning("%s", fault)
    return list(found.cards)


def survey() -> Survey:
    """Read all cards. Of two that a reader takes for one, the one that is less far (verified, pinned) is wrong."""
    read: list[Card] = []
    faults: dict[str, str] = {}
    for name in _stems():
        try:
            read.append(_stored(cards_dir() / f"{name}.md"))
        except CardError as error:
            faults[name] = in_one_line(error)
    right: list[Card] = []
    seen: dict[tuple[str, str], Card] = {}
    for card in sorted(read, key=lambda card: (not card.verified, not card.checkpoint.pinned, card.name)):
        looks = {("name", appearance(card.name)): card.name, ("title", appearance(card.title)): card.title}
        alike = next((key for key in looks if key in seen), None)
        if alike is not None:
            faults[card.name] = f"{card.name}.md: {alike[0]}: {looks[alike]!r} looks like that of {seen[alike].name}.md"
            continue
        seen |= dict.fromkeys(looks, card)
        right.append(card)
    return Survey(
        cards=tuple(sorted(right, key=lambda card: card.name)),
        faults=tuple(faults[name] for name in sorted(faults)),
    )


def resolve(entry: str, **asked: str | None) -> tuple[Card, Mode]:
    """`card` or `card@mode` → the card and the full mode. Raises UnknownModel or ModeError."""
    name, _, mode = entry.partition("@")
    found = card(name)
    return found, found.mode(mode or None, **asked)


def entry_name(card: Card, mode: Mode) -> str:
    """The canonical name of a checkpoint in a mode; `resolve` reads it back."""
    return f"{card.name}@{mode}"


def in_one_line(error: ZooError) -> str:
    """The first line of an error's text, and how many more there are."""
    first, *others = str(error).splitlines()
    return f"{first} (and {len(others)} more)" if others else first


def _stems() -> list[str]:
    return sorted(path.stem for path in cards_dir().glob("*.md"))


def _stored(path: Path) -> Card:
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise CardError(f"{file_name(path)}: cannot be read: {error.strerror}") from None
    return _read(path, changed, *(_changed(beside.path(path)) for beside in (checked, authors)))


@cache
def _read(path: Path, *changed: int) -> Card:  # noqa: ARG001  # any of its files may change while this process runs
    return read_card(path)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:  # there is none
        return 0


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    close += [other for other in known if name and name.lower() in other and other not in close][:3]
    meant = f" Did you mean {' or '.join(repr(other) for other in close)}?" if close else ""
    return f"no card named {name!r}.{meant} 'mlip-zoo list' shows all {len(known)}."
