"""Pairs: two entries of one checkpoint that differ in the force head, and the samples that both ran."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evaluation.task import Row
    from leaderboard.ranking.collect import Entry


def two_heads(entries: Sequence[Entry]) -> Iterator[tuple[Entry, Entry]]:
    """Direct and conservative entries of one checkpoint in otherwise the same mode, without averaging."""
    known = {entry.name: entry for entry in entries if entry.rows}
    for direct in known.values():
        if direct.mode.forces == "direct" and direct.mode.averaging == "none":
            mode = direct.mode.model_copy(update={"forces": "conservative"})
            if gradient := known.get(f"{direct.card.name}@{mode}"):
                yield direct, gradient


def common(first: Entry, second: Entry) -> list[tuple[Row, Row]]:
    """Rows of the samples that both ran, whichever subset each of them ran."""
    others = {row["sample"]: row for row in second.rows}
    return [(row, others[row["sample"]]) for row in first.rows if row["sample"] in others]


def tried(row: Mapping[str, object]) -> bool:
    """Whether the entry supports the sample's elements."""
    return row["status"] != "unsupported"
