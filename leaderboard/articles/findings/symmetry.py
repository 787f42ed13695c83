"""Keeping: how many crystals still have their space group when nothing held it during relaxation."""

from __future__ import annotations

from statistics import mean
from typing import TYPE_CHECKING, cast

from leaderboard.articles.article import Part
from leaderboard.articles.evidence import Evidence
from leaderboard.articles.findings.pairs import tried
from leaderboard.charts.entry_plots import CAPTION, by_entry
from leaderboard.formatting import short
from leaderboard.ranking.board import widest

if TYPE_CHECKING:
    from leaderboard.ranking.collect import Entry

_KEPT = "kept_free_1e-02"
"""At 0.01 Å, nothing imposed."""


def keeping(evidence: Evidence) -> list[Part]:
    """Survival of the space group at 0.01 Å, and what its loss costs in displacements."""
    board = widest(evidence.of("symmetry"))
    if board is None:
        return []
    said: list[str] = []
    dots: list[tuple[Entry, float]] = []
    for place in board.places:
        rows = [row for row in place.entry.rows if tried(row) and row[_KEPT] is not None]
        if not rows:
            continue
        kept = sum(row[_KEPT] is True for row in rows)
        dots.append((place.entry, kept / len(rows)))
        taxes = [cast(float, row["symmetry_tax_free"]) for row in rows if row["symmetry_tax_free"] is not None]
        tax = f", and what is left takes {short(mean(taxes))} times the displacements (mean of {len(taxes)})"
        said.append(f"{place.entry.name}: {kept} of {len(rows)}{tax if taxes else ''}.")
    if not dots:
        return []
    first = "Relaxed with nothing to hold its symmetry, a crystal has its space group at 0.01 Å afterwards in"
    return [
        Part(
            "Symmetry that nothing holds",
            [f"{first} so many relaxations.", *said],
            [by_entry("keeping", dots, "", axis="relaxations that keep the space group", share=True)],
            CAPTION,
            wide=True,
        )
    ]
