"""Tolerating: how much of a fault phonons stand, dial by dial."""

from __future__ import annotations

from leaderboard.essay import Part
from leaderboard.essays import tolerance
from leaderboard.evidence import Evidence


def tolerating(evidence: Evidence) -> list[Part]:
    """A part for each sound model that was given faults; its page has all the curves."""
    return [tolerance.summary(curves, evidence) for curves in evidence.curves]
