"""Findings: what the results on this site say, in sentences that are computed from them."""

from __future__ import annotations

from leaderboard.articles.article import Essay, Part
from leaderboard.articles.evidence import Evidence
from leaderboard.articles.findings import FINDINGS


def essay(evidence: Evidence) -> Essay:
    """The page of all findings whose results are here."""
    parts = [part for finding in FINDINGS for part in finding(evidence)]
    missing = Part(
        title="Nothing yet",
        sentences=("The results that are here do not show anything that this page looks for.",),
        command="mlip-zoo evaluate NAME",
    )
    return Essay(
        name="findings",
        title="Findings",
        lede="What the results here say. Every number of these sentences is computed from the results when the site is "
        "built; a finding whose results are missing is not on this page.",
        parts=parts or [missing],
    )
