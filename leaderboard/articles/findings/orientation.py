"""Turning: the same crystal in several orientations, through relaxation and phonons."""

from __future__ import annotations

from leaderboard.articles.article import Part
from leaderboard.articles.evidence import Evidence
from leaderboard.charts.entry_plots import CAPTION, by_entry
from leaderboard.formatting import short
from leaderboard.ranking.board import widest


def turning(evidence: Evidence) -> list[Part]:
    """How far the frequencies of one crystal are apart that was turned before it was relaxed."""
    board = widest(evidence.of("orientation"))
    if board is None:
        return []
    scores = [(place.entry, place.entry.result.scores["frequency_spread"]) for place in board.places]
    values = sorted(
        ((entry, score.value, score.n) for entry, score in scores if score.value is not None), key=lambda each: each[1]
    )
    if not values:
        return []
    told = [f"{short(value)} THz with {entry.name} ({n} crystals)" for entry, value, n in values]
    which = told if len(told) <= 4 else [*told[:2], *told[-2:]]
    dots = [(entry, value) for entry, value, _ in values]
    picture = by_entry("turning", dots, "", axis="spread of the frequencies (THz)")
    return [
        Part(
            "A crystal that was turned first",
            [f"Relaxed and displaced in nine orientations, one crystal's frequencies spread by {', '.join(which)}."],
            [picture],
            CAPTION,
            wide=True,
        )
    ]
