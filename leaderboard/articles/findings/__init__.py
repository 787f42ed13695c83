"""Findings: sentences that are computed from results, each with its figure; nothing where the results are missing.

A finding computes its numbers when the site is built, so that text, figure and results always agree.
"""

from __future__ import annotations

from collections.abc import Callable

from leaderboard.articles.article import Part
from leaderboard.articles.evidence import Evidence
from leaderboard.articles.findings.calibration import calibration_findings
from leaderboard.articles.findings.constraints import constraint_findings
from leaderboard.articles.findings.descent import descent_findings
from leaderboard.articles.findings.eos import eos_findings
from leaderboard.articles.findings.frame_averaging import frame_averaging_findings
from leaderboard.articles.findings.mitigation import mitigation_findings
from leaderboard.articles.findings.orientation import orientation_findings
from leaderboard.articles.findings.phonons import phonon_findings
from leaderboard.articles.findings.relaxation import relaxation_findings
from leaderboard.articles.findings.symmetry import symmetry_findings
from leaderboard.articles.findings.tolerance import tolerance_findings

Finding = Callable[[Evidence], list[Part]]

FINDINGS: tuple[Finding, ...] = (
    constraint_findings,
    relaxation_findings,
    descent_findings,
    symmetry_findings,
    orientation_findings,
    phonon_findings,
    mitigation_findings,
    frame_averaging_findings,
    tolerance_findings,
    calibration_findings,
    eos_findings,
)
"""In the order of the page."""
