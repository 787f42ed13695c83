"""Orientation: rotational equivariance of relaxed crystals and their phonons."""

from __future__ import annotations

from leaderboard.articles.article import Part
from leaderboard.articles.evidence import Evidence
from leaderboard.charts.entry_plots import CAPTION, by_entry
from leaderboard.formatting import short
from leaderboard.ranking.board import widest


def orientation_findings(evidence: Evidence) -> list[Part]:
    """The spread of the frequencies of a crystal that is relaxed in several orientations."""
    board = widest(evidence.of("orientation"))
    if board is None:
        return []
    scores = [(place.entry, place.entry.result.scores["frequency_spread"]) for place in board.places]
    values = sorted(
        ((entry, score.value, score.n) for entry, score in scores if score.value is not None), key=lambda each: each[1]
    )
    if not values:
        return []
    told = [f"{short(value)} THz with {entry.name} ({n} crystals)" for entry, value, n in (values[0], values[-1])]
    which = told[0] if len(values) == 1 else f"from {told[0]} to {told[1]}, over {len(values)} entries"
    dots = [(entry, value) for entry, value, _ in values]
    picture = by_entry("orientation", dots, "", axis="spread of the frequencies (THz)")
    return [
        Part(
            "Rotational equivariance of relaxation and phonons",
            [
                "The spread of the frequencies over nine orientations, each relaxed and displaced, is (median over "
                f"crystals) {which}."
            ],
            [picture],
            CAPTION,
            wide=True,
        )
    ]
