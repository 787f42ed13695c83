"""Moves: why an entry has another place than in an earlier version. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Move:
    """What changed an entry's place; all fields are empty where nothing of the sort did."""

    own: bool
    """Whether its own value changed, and with it its order among entries that have a place in both versions."""
    others: tuple[str, ...]
    """Entries with a place in both versions whose value changed, and with it their order with this one."""
    left: tuple[str, ...]
    """Entries that were before it and have no place any more."""
    joined: tuple[str, ...]
    """Entries that are before it and had no place."""

    @property
    def said(self) -> str:
        """The reasons in words."""
        own = ("its own value changed",) if self.own else ()
        parts = (("others' values changed", self.others), ("left", self.left), ("joined", self.joined))
        told = [*own, *(f"{what}: {', '.join(names)}" for what, names in parts if names)]
        return "; ".join(told) or "no value changed: it is the samples that two entries have in common that decide"


def moves(then: Mapping[str, int], now: Mapping[str, int], changed: Collection[str]) -> dict[str, Move]:
    """Entry → why its place moved, of those that have one in both versions and another one now.

    `then` and `now` are places, `changed` the entries whose value is not that of then.
    """
    both = then.keys() & now.keys()
    found = {}
    for name in sorted(both):
        if then[name] == now[name]:
            continue
        crossed = {other for other in both - {name} if _order(then[name], then[other]) != _order(now[name], now[other])}
        found[name] = Move(
            own=bool(crossed) and name in changed,
            others=tuple(sorted(crossed & set(changed))),
            left=tuple(sorted(other for other in then.keys() - now.keys() if then[other] < then[name])),
            joined=tuple(sorted(other for other in now.keys() - then.keys() if now[other] < now[name])),
        )
    return found


def _order(mine: int, other: int) -> int:
    return (mine > other) - (mine < other)
