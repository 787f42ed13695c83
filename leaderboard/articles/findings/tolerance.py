"""Tolerance: the amplitude of each perturbation from which phonons have imaginary modes."""

from __future__ import annotations

from leaderboard.articles import tolerance_page
from leaderboard.articles.article import Part
from leaderboard.articles.evidence import Evidence


def tolerance_findings(evidence: Evidence) -> list[Part]:
    """A part for each reference model that was perturbed; the tolerance page has all the curves."""
    return [tolerance_page.summary(curves, evidence) for curves in evidence.curves]
