"""Findings: sentences that come of results, each with its figure, or nothing while the results are not there.

A finding computes its numbers when the site is built, so that text, figure and results cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Callable

from leaderboard.articles.article import Part
from leaderboard.articles.evidence import Evidence
from leaderboard.articles.findings.calibration import calibrated
from leaderboard.articles.findings.constraints import claimed
from leaderboard.articles.findings.descent import descending
from leaderboard.articles.findings.eos import equations
from leaderboard.articles.findings.frame_averaging import averaging
from leaderboard.articles.findings.mitigation import climbing
from leaderboard.articles.findings.orientation import turning
from leaderboard.articles.findings.phonons import vibrating
from leaderboard.articles.findings.relaxation import relaxing
from leaderboard.articles.findings.symmetry import keeping
from leaderboard.articles.findings.tolerance import tolerating

Finding = Callable[[Evidence], list[Part]]

FINDINGS: tuple[Finding, ...] = (
    *(claimed, relaxing, descending, keeping, turning, vibrating),
    *(climbing, averaging, tolerating, calibrated, equations),
)
"""In the order of the page."""
