"""Descent: convergence of two optimisers, the uphill energy on the way, and the remaining gradient of direct forces."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, cast

from leaderboard.articles.article import Part
from leaderboard.articles.evidence import Evidence
from leaderboard.articles.findings.pairs import tried
from leaderboard.charts.entry_plots import CAPTION, by_entry
from leaderboard.formatting import short
from leaderboard.ranking.board import widest

if TYPE_CHECKING:
    from evaluation.task import Row
    from leaderboard.ranking.collect import Entry


def descent_findings(evidence: Evidence) -> list[Part]:
    """Convergence, uphill energy, and the distance to the energy's own minimum where a relaxation stopped."""
    board = widest(evidence.of("descent"))
    if board is None:
        return []
    said: list[str] = []
    dots: list[tuple[Entry, float]] = []
    for place in board.places:
        rows = [row for row in place.entry.rows if tried(row)]
        uphill = _known(rows, "uphill")
        if not uphill:
            continue
        dots.append((place.entry, median(uphill)))
        said.append(f"{place.entry.name}: {_convergence(rows)}.{_remaining(rows)}")
    if not dots:
        return []
    return [
        Part(
            "Convergence of relaxation by two optimisers",
            ["Every crystal is relaxed by two optimisers, FIRE and L-BFGS, from one distorted start.", *said],
            [by_entry("descent", dots, "", axis="uphill energy (meV/atom, median)")],
            CAPTION,
            wide=True,
        )
    ]


def _convergence(rows: Sequence[Row]) -> str:
    converged = [row[f"converged_{optimizer}"] for row in rows for optimizer in ("fire", "lbfgs")]
    cycles = [row[f"limit_cycle_{optimizer}"] for row in rows for optimizer in ("fire", "lbfgs")]
    told = f"{sum(each is True for each in converged)} of {len(converged)} descents converge"
    cyclic = sum(cycle is True for cycle in cycles)
    if cyclic:
        told += f", {cyclic} {'ends' if cyclic == 1 else 'end'} in a limit cycle"
    return f"{told}, {short(median(_known(rows, 'uphill')))} meV/atom uphill energy (median)"


def _remaining(rows: Sequence[Row]) -> str:
    gaps, excess = _known(rows, "gradient_gap"), _known(rows, "excess_energy")
    if not gaps or not excess:
        return ""
    crystals = "one crystal" if len(excess) == 1 else f"medians of {len(excess)} crystals"
    return (
        f" Where it stopped, its forces differ from the gradient of its own energy by {short(median(gaps))} meV/Å "
        f"(root mean square), and relaxing by that gradient takes {short(median(excess))} meV/atom off ({crystals})."
    )


def _known(rows: Sequence[Row], name: str) -> list[float]:
    return [cast(float, row[name]) for row in rows if row[name] is not None]
