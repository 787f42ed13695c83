"""Mitigation: accuracy gain and cost of each mitigation step for phonons of one checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluation.definitions.ladder import LABELS
from evaluation.metrics.mitigation import Means, front, means
from leaderboard import views
from leaderboard.articles.article import Part
from leaderboard.articles.evidence import Evidence
from leaderboard.charts.spec import Picture
from leaderboard.formatting import short

if TYPE_CHECKING:
    from leaderboard.ranking.collect import Entry


def mitigation_findings(evidence: Evidence) -> list[Part]:
    """One part for each entry: its cost-error front, over crystals that have a reference."""
    return [part for entry in evidence.of("ladder") if (part := _part(entry))]


def _part(entry: Entry) -> Part | None:
    compared = [row for row in entry.rows if row["has_reference"]]
    rows, error, against = compared, "frequency_mae", "PBE"
    if not compared:
        rows, error, against = list(entry.rows), "own_mae", "its own reference"
    of = means(rows, [*LABELS], error)
    view = views.view("ladder")
    if not of or view is None:
        return None
    ahead = front(of)
    title = f"All, against {against}"
    panel = next(panel for panel in entry.panels if panel.title == title)
    said = (
        f"Frequency error of {entry.name} against {against}, by mitigation step, where no cheaper step is more "
        "accurate: "
    )
    steps = "; ".join(_step(step, of[step]) for step in ahead)
    spec = {**views.spec("ladder"), "datasets": dict(panel.datasets or {})}
    picture = Picture(f"mitigation/{entry.name}", "", spec, f"{said}{steps}.")
    return Part(
        f"Accuracy gain of mitigation steps for phonons: {entry.name}",
        [f"{said}{steps}.", *_averaged(of)],
        [picture],
        view.caption,
        wide=True,
    )


def _step(step: str, mean: Means) -> str:
    return f"{LABELS[step]} {short(mean.error, 3)} THz for {short(mean.cost)} force calls"


def _averaged(of: dict[str, Means]) -> list[str]:
    """The change by the cheapest average against the usual workflow, also where there is no accuracy gain."""
    step = next((name for name in ("o3_3", "o3_5", "o3_7") if name in of), None)
    if step is None or "usual" not in of:
        return []
    usual, mean = of["usual"], of[step]
    return [
        f"Averaging ({LABELS[step]}) takes the usual workflow from {short(usual.error, 3)} to "
        f"{short(mean.error, 3)} THz at {short(mean.cost / usual.cost)} times the cost."
    ]
