"""Boards of chosen entries on the samples that all of them support."""

from __future__ import annotations

from dataclasses import replace

import pytest

from leaderboard.errors import NoResults
from leaderboard.ranking.collect import Collection, Entry
from leaderboard.ranking.common_samples import on_common_samples

CHOSEN = {"chgnet-0.3.0@conservative", "sevennet-0@conservative"}
UNKNOWN = ("Al", "Si")


def without(entry: Entry, samples: tuple[str, ...]) -> Entry:
    """The entry as if it did not support these samples."""
    rows = tuple(
        {**row, "status": "unsupported", "delta": None} if row["sample"] in samples else row for row in entry.rows
    )
    return replace(entry, rows=rows)


@pytest.fixture
def entries(collection: Collection) -> list[Entry]:
    """CHGNet 0.3.0 knows no aluminium and no silicon."""
    return [without(e, UNKNOWN) if e.card.name == "chgnet-0.3.0" else e for e in collection.entries]


def test_all_stand_on_the_same_samples_and_failures_stay(entries: list[Entry]) -> None:
    found = on_common_samples(entries, CHOSEN)
    assert {entry.name for entry in found} == CHOSEN
    (shared,) = {frozenset(str(row["sample"]) for row in entry.rows) for entry in found}
    assert not shared & set(UNKNOWN)
    assert {"Fe", "Pb"} <= shared  # SevenNet-0 fails there
    for entry in found:
        assert entry.result.run.counts.total == len(shared) == len(entries[0].rows) - len(UNKNOWN)
        assert entry.result.scores["delta"].n_unsupported == 0


def test_who_has_no_figures_has_no_board(entries: list[Entry]) -> None:
    with pytest.raises(NoResults, match="in common, of mace-mp-0@conservative"):
        on_common_samples(entries, {"mace-mp-0@conservative"})
    with pytest.raises(NoResults):
        on_common_samples([replace(entry, rows=()) for entry in entries], CHOSEN)
