"""Duplicates: cards of the same checkpoint, or that a reader takes for one."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.cards.card import Card
from zoo.cards.checkpoint import Checkpoint, PinnedFile
from zoo.characters import appearance

_ENERGY = 2e-6
"""eV/atom: canaries of one checkpoint agree to the digits that they are written with."""
_FORCE = 1e-5


def duplicates(card: Card, others: Iterable[Card]) -> list[str]:
    """One sentence for each card that this one repeats, and why it does; a card that it supersedes is told as well."""
    found = []
    for other in others:
        if other.name == card.name:
            continue
        if same := _hashes(card.checkpoint) & _hashes(other.checkpoint):
            found.append(f"{other.name} has the same file: sha256 {min(same)}")
        elif _same_answers(card, other):
            found.append(f"{other.name} has the same canary, to the last digit: the same weights in another file")
        for what, mine, theirs in (("name", card.name, other.name), ("title", card.title, other.title)):
            if appearance(mine) == appearance(theirs):
                found.append(f"its {what} looks like that of {other.name} ({theirs!r})")
    return found


def _hashes(checkpoint: Checkpoint) -> set[str]:
    files: list[PinnedFile | None] = [checkpoint.upstream]
    files += [checkpoint.safetensors.weights] if checkpoint.safetensors else []
    return {file.sha256 for file in files if file}


def _same_answers(card: Card, other: Card) -> bool:
    mine, theirs = _answers(card), _answers(other)
    common = mine.keys() & theirs.keys()
    return bool(common) and all(
        abs(mine[name][0] - theirs[name][0]) <= _ENERGY and abs(mine[name][1] - theirs[name][1]) <= _FORCE
        for name in common
    )


def _answers(card: Card) -> dict[str, tuple[float, float]]:
    """Crystal → energy (eV/atom) and largest force (eV/Å)."""
    found = {}
    if card.canary is not None:
        found[card.canary.crystal] = (card.canary.energy_ev_per_atom, card.canary.max_force_ev_per_angstrom)
    for name, answer in card.authors.answers.items() if card.authors else ():
        found.setdefault(name, (answer.energy_ev_per_atom, answer.max_force_ev_per_angstrom))
    return found
