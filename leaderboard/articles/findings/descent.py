"""Descending: whether going downhill by an entry's forces arrives anywhere."""

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


def descending(evidence: Evidence) -> list[Part]:
    """Convergence, the climb on the way, and how far from the energy's own minimum direct forces come to rest."""
    board = widest(evidence.of("descent"))
    if board is None:
        return []
    said: list[str] = []
    dots: list[tuple[Entry, float]] = []
    for place in board.places:
        rows = [row for row in place.entry.rows if tried(row)]
        climbs = _known(rows, "uphill")
        if not climbs:
            continue
        dots.append((place.entry, median(climbs)))
        said.append(f"{place.entry.name}: {_ways(rows)}.{_rest(rows)}")
    if not dots:
        return []
    return [
        Part(
            "Is there a way down?",
            ["Every crystal is relaxed by two optimisers, FIRE and L-BFGS, from one distorted start.", *said],
            [by_entry("descending", dots, "", axis="uphill on the way (meV/atom, median)")],
            CAPTION,
            wide=True,
        )
    ]


def _ways(rows: Sequence[Row]) -> str:
    ways = [row[f"converged_{optimizer}"] for row in rows for optimizer in ("fire", "lbfgs")]
    cycles = [row[f"limit_cycle_{optimizer}"] for row in rows for optimizer in ("fire", "lbfgs")]
    told = f"{sum(way is True for way in ways)} of {len(ways)} descents converge"
    round_and_round = sum(cycle is True for cycle in cycles)
    if round_and_round:
        told += f", {round_and_round} {'runs' if round_and_round == 1 else 'run'} in a cycle"
    return f"{told}, {short(median(_known(rows, 'uphill')))} meV/atom uphill (median)"


def _rest(rows: Sequence[Row]) -> str:
    gaps, excess = _known(rows, "gradient_gap"), _known(rows, "excess_energy")
    if not gaps or not excess:
        return ""
    return (
        f" Where it comes to rest the gradient of its own energy is {short(median(gaps))} meV/Å, and following that "
        f"gains {short(median(excess))} meV/atom (medians of {len(excess)})."
    )


def _known(rows: Sequence[Row], name: str) -> list[float]:
    return [cast(float, row[name]) for row in rows if row[name] is not None]
