"""Relaxation: convergence and uphill energy by the two force heads of one checkpoint."""

from __future__ import annotations

from statistics import median
from typing import cast

from leaderboard.articles.article import Part
from leaderboard.articles.evidence import Evidence
from leaderboard.articles.findings.pairs import common, tried, two_heads
from leaderboard.charts.entry_plots import DIRECT, GRADIENT, head_shares
from leaderboard.formatting import short


def relaxation_findings(evidence: Evidence) -> list[Part]:
    """Convergence and uphill energy by conservative and direct forces."""
    found = []
    for direct, gradient in two_heads(evidence.of("relaxation")):
        pairs = [(a, b) for a, b in common(direct, gradient) if tried(a) and tried(b)]
        if not pairs:
            continue
        n = len(pairs)
        shares = [
            (label, sum(test(a) for a, _ in pairs), sum(test(b) for _, b in pairs))
            for label, test in (
                ("converge", lambda row: row["converged"] is True),
                ("end with a structure", lambda row: row["status"] == "ok"),
                ("end in a limit cycle", lambda row: row["limit_cycle"] in (True, 1.0)),
            )
        ]
        uphill = [[row["uphill"] for row in rows if row["uphill"] is not None] for rows in zip(*pairs, strict=True)]
        said = [
            f"{gradient.card.title} has two force heads on one set of weights. Of {n} relaxations by both, "
            f"{shares[0][2]} converge with conservative forces and {shares[0][1]} with direct forces.",
        ]
        if all(uphill):
            up = [median(cast("list[float]", each)) for each in uphill]
            said.append(
                f"The uphill energy is {short(up[0])} meV/atom with direct forces and {short(up[1])} meV/atom with "
                "conservative forces (medians over relaxations that end): non-conservative forces minimise no energy."
            )
        rows = [
            {"what": label, "share": count / n, "head": head, "shown": f"{count} of {n}"}
            for label, of_direct, of_gradient in shares
            for head, count in ((GRADIENT, of_gradient), (DIRECT, of_direct))
        ]
        found.append(
            Part(
                title=f"Convergence of relaxation by force head: {gradient.card.title}",
                sentences=said,
                pictures=[head_shares(f"heads/{gradient.name}", rows, of="relaxations")],
                caption=f"Share of {n} relaxations; dots are conservative forces, diamonds direct forces.",
                wide=True,
            )
        )
    return found
