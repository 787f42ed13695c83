"""Findings: sentences that come of results, each with its figure, or nothing while the results are not there.

A finding computes its numbers when the site is built, so that text, figure and results cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Callable

from leaderboard.essay import Part
from leaderboard.evidence import Evidence
from leaderboard.findings.averaging import averaging
from leaderboard.findings.calibrated import calibrated
from leaderboard.findings.claimed import claimed
from leaderboard.findings.climbing import climbing
from leaderboard.findings.descending import descending
from leaderboard.findings.equations import equations
from leaderboard.findings.keeping import keeping
from leaderboard.findings.relaxing import relaxing
from leaderboard.findings.tolerating import tolerating
from leaderboard.findings.turning import turning
from leaderboard.findings.vibrating import vibrating

Finding = Callable[[Evidence], list[Part]]

FINDINGS: tuple[Finding, ...] = (
    *(claimed, relaxing, descending, keeping, turning, vibrating),
    *(climbing, averaging, tolerating, calibrated, equations),
)
"""In the order of the page."""
