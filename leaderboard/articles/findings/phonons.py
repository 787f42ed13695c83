"""Vibrating: what the two force heads of one checkpoint make of phonons."""

from __future__ import annotations

from statistics import median
from typing import cast

from leaderboard.articles.article import Part
from leaderboard.articles.evidence import Evidence
from leaderboard.articles.findings.pairs import common, two_heads
from leaderboard.charts.entry_plots import DIRECT, GRADIENT, head_shares
from leaderboard.formatting import short


def vibrating(evidence: Evidence) -> list[Part]:
    """What the two force heads of one checkpoint make of phonons."""
    found = []
    for direct, gradient in two_heads(evidence.of("phonons")):
        pairs = [(a, b) for a, b in common(direct, gradient) if a["status"] == b["status"] == "ok"]
        judged = [(a, b) for a, b in pairs if a["stable_pred"] is not None and b["stable_pred"] is not None]
        residuals = [(a["fc_asymmetry"], b["fc_asymmetry"]) for a, b in pairs]
        both = [(cast(float, a), cast(float, b)) for a, b in residuals if a is not None and b is not None]
        if not judged or not both:
            continue
        imaginary = [sum(not row["stable_pred"] for row in rows) for rows in zip(*judged, strict=True)]
        n = len(judged)
        rows: list[dict[str, object]] = [
            {"what": "have an imaginary mode", "share": count / n, "head": head, "shown": f"{count} of {n}"}
            for head, count in zip((DIRECT, GRADIENT), imaginary, strict=True)
        ]
        asymmetry = [median(each) for each in zip(*both, strict=True)]
        found.append(
            Part(
                title=f"{gradient.card.title}: phonons by a gradient, and by a head of its own",
                sentences=(
                    f"Of {n} crystals that both heads bring through, the direct head gives "
                    f"{imaginary[0]} of them an imaginary mode, the gradient {imaginary[1]}. The force constants "
                    "were symmetrised first, as is usual.",
                    f"Before it, the asymmetry of the force constants is {short(asymmetry[0])} of their size with the "
                    f"direct head and {short(asymmetry[1])} with the gradient (medians).",
                ),
                pictures=[head_shares(f"phonons/{gradient.name}", rows, of="crystals")],
                caption=f"Share of {n} crystals; the dot is the gradient of the energy, the diamond the direct head.",
                wide=True,
            )
        )
    return found
