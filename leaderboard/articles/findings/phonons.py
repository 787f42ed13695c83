"""Phonons: imaginary modes and force-constant asymmetry by the two force heads of one checkpoint."""

from __future__ import annotations

from statistics import median
from typing import cast

from leaderboard.articles.article import Part
from leaderboard.articles.evidence import Evidence
from leaderboard.articles.findings.pairs import common, two_heads
from leaderboard.charts.entry_plots import DIRECT, GRADIENT, head_shares
from leaderboard.formatting import short


def phonon_findings(evidence: Evidence) -> list[Part]:
    """Imaginary modes and force-constant asymmetry by conservative and direct forces."""
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
                title=f"Imaginary modes and force-constant asymmetry by force head: {gradient.card.title}",
                sentences=(
                    f"Of {n} crystals that both heads complete, {imaginary[0]} have an imaginary mode with direct "
                    f"forces and {imaginary[1]} with conservative forces. The force constants were symmetrised "
                    "first, as is usual.",
                    f"Before that, the relative force-constant asymmetry is {short(asymmetry[0])} with direct forces "
                    f"and {short(asymmetry[1])} with conservative forces (medians).",
                ),
                pictures=[head_shares(f"phonons/{gradient.name}", rows, of="crystals")],
                caption=f"Share of {n} crystals; the dot is conservative forces, the diamond direct forces.",
                wide=True,
            )
        )
    return found
