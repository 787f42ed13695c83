"""Symmetry: how many crystals keep their space group in an unconstrained relaxation."""

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
"""At a symmetry precision of 0.01 Å, without a symmetry constraint."""


def symmetry_findings(evidence: Evidence) -> list[Part]:
    """The share of crystals that keep their space group at 0.01 Å, and the displacement-count ratio."""
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
        ratios = [cast(float, row["symmetry_tax_free"]) for row in rows if row["symmetry_tax_free"] is not None]
        ratio = f"; the displacement-count ratio is {short(mean(ratios))} (mean of {len(ratios)})" if ratios else ""
        said.append(f"{place.entry.name}: {kept} of {len(rows)}{ratio}.")
    if not dots:
        return []
    first = "Crystals that keep their space group at 0.01 Å in a relaxation without a symmetry constraint"
    return [
        Part(
            "Space group after relaxation",
            [f"{first}:", *said],
            [by_entry("symmetry", dots, "", axis="relaxations that keep the space group", share=True)],
            CAPTION,
            wide=True,
        )
    ]
