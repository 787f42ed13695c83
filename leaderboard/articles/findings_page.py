"""Findings: statements about the results on this site, computed from them."""

from __future__ import annotations

from leaderboard.articles.article import Article, Part
from leaderboard.articles.evidence import Evidence
from leaderboard.articles.findings import FINDINGS


def article(evidence: Evidence) -> Article:
    """The page of all findings whose results are here."""
    parts = [part for finding in FINDINGS for part in finding(evidence)]
    missing = Part(
        title="No results",
        sentences=("None of the findings of this page can be computed from the results so far.",),
        command="mlip-zoo evaluate NAME",
    )
    return Article(
        name="findings",
        title="Findings",
        lede="Statements about conservative forces, equivariance, phonons, relaxation and equations of state. Every "
        "number is computed from the results when the site is built; a finding whose results are missing is omitted.",
        parts=parts or [missing],
    )
