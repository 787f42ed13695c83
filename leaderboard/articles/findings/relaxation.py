"""Relaxing: what becomes of crystals that the two force heads of one checkpoint relax."""

from __future__ import annotations

from statistics import median
from typing import cast

from leaderboard.articles.article import Part
from leaderboard.articles.evidence import Evidence
from leaderboard.articles.findings.pairs import common, tried, two_heads
from leaderboard.charts.entry_plots import DIRECT, GRADIENT, head_shares
from leaderboard.formatting import short


def relaxing(evidence: Evidence) -> list[Part]:
    """What becomes of crystals that the two force heads of one checkpoint relax."""
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
                ("end with some structure", lambda row: row["status"] == "ok"),
                ("run in a cycle", lambda row: row["limit_cycle"] in (True, 1.0)),
            )
        ]
        climbed = [[row["uphill"] for row in rows if row["uphill"] is not None] for rows in zip(*pairs, strict=True)]
        said = [
            f"{gradient.card.title} has two force heads on one set of weights. Of {n} relaxations that both try, the "
            f"gradient of the energy converges in {shares[0][2]} and the direct head in {shares[0][1]}.",
        ]
        if all(climbed):
            up = [median(cast("list[float]", each)) for each in climbed]
            said.append(
                f"On its way the direct head goes uphill by {short(up[0])} meV/atom (median over those that end), the "
                f"gradient by {short(up[1])}: forces that are no gradient can follow no energy down."
            )
        rows = [
            {"what": label, "share": count / n, "head": head, "shown": f"{count} of {n}"}
            for label, of_direct, of_gradient in shares
            for head, count in ((GRADIENT, of_gradient), (DIRECT, of_direct))
        ]
        found.append(
            Part(
                title=f"{gradient.card.title}: relaxing by a gradient, and by a head of its own",
                sentences=said,
                pictures=[head_shares(f"heads/{gradient.name}", rows, of="relaxations")],
                caption=f"Share of {n} relaxations; dots are the gradient of the energy, diamonds the direct head.",
                wide=True,
            )
        )
    return found
