"""Climbing: what each remedy for a broken symmetry buys for phonons on one checkpoint, and costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluation.metrics.ladder import Means, front, means
from evaluation.tasks.ladder import LABELS
from leaderboard import views
from leaderboard.articles.article import Part, Picture
from leaderboard.articles.evidence import Evidence
from leaderboard.formatting import short

if TYPE_CHECKING:
    from leaderboard.ranking.collect import Entry


def climbing(evidence: Evidence) -> list[Part]:
    """One part for each entry: the way from the cheapest rung to the best, over crystals that have a reference."""
    return [part for entry in evidence.of("ladder") if (part := _part(entry))]


def _part(entry: Entry) -> Part | None:
    compared = [row for row in entry.rows if row["has_reference"]]
    rows, error, against = compared, "frequency_mae", "PBE"
    if not compared:
        rows, error, against = list(entry.rows), "own_mae", "its own best"
    of = means(rows, [*LABELS], error)
    view = views.view("ladder")
    if not of or view is None:
        return None
    ahead = front(of)
    title = f"All, against {against}"
    panel = next(panel for panel in view.panels(entry.records, entry.rows) if panel.title == title)
    said = f"Frequencies of {entry.name} against {against}, rung by rung that nothing cheaper beats: "
    steps = "; ".join(_rung(rung, of[rung]) for rung in ahead)
    picture = Picture(
        f"climbing/{entry.name}", "", {**view.spec(), "datasets": panel.datasets or {}}, f"{said}{steps}."
    )
    return Part(
        f"What a remedy buys: {entry.name}",
        [f"{said}{steps}.", *_averaged(of)],
        [picture],
        view.caption,
        wide=True,
    )


def _rung(rung: str, mean: Means) -> str:
    return f"{LABELS[rung]} {short(mean.error)} THz for {short(mean.cost)} calls"


def _averaged(of: dict[str, Means]) -> list[str]:
    """What the cheapest average does to the usual workflow, said even where it buys nothing: that is a result."""
    rung = next((name for name in ("o3_3", "o3_5", "o3_7") if name in of), None)
    if rung is None or "usual" not in of:
        return []
    usual, mean = of["usual"], of[rung]
    return [
        f"Averaging ({LABELS[rung]}) takes the usual workflow from {short(usual.error)} to {short(mean.error)} THz at "
        f"{short(mean.cost / usual.cost)} times the cost."
    ]
