"""Tolerating: how much of a fault phonons stand, dial by dial."""

from __future__ import annotations

from leaderboard.articles import tolerance_page
from leaderboard.articles.article import Part
from leaderboard.articles.evidence import Evidence


def tolerating(evidence: Evidence) -> list[Part]:
    """A part for each sound model that was given faults; its page has all the curves."""
    return [tolerance_page.summary(curves, evidence) for curves in evidence.curves]
