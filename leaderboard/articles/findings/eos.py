"""Equations of state: the range of Δ over entries, which ranks are significant, and the cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from evaluation.metric import Metric
from leaderboard.articles.article import Part
from leaderboard.articles.evidence import Evidence
from leaderboard.charts.log_axis import log_axis
from leaderboard.charts.spec import Picture, finish, tooltips
from leaderboard.formatting import figure, short
from leaderboard.ranking.board import Board, Place, boards
from leaderboard.ranking.cost import RelativeCost, relative_costs


def eos_findings(evidence: Evidence) -> list[Part]:
    """The range of Δ over entries, which ranks are significant, and the cost."""
    found = []
    for whole in boards(evidence.of("eos")):
        board, *apart = whole.by_theory
        ranked = [place for place in board.places if place.rank]
        if len(ranked) < 2:
            continue
        metric, best, last = board.metric, ranked[0], ranked[-1]
        digits = board.decimals(metric)
        first = [place.entry.card.title for place in ranked if place.rank and place.rank.low == 1]
        said = [
            f"{metric.label} of {len(ranked)} entries ranges from {_of(best, metric, digits)} to "
            f"{_of(last, metric, digits)} {metric.unit} ({board.samples} elements, {board.subset} subset).",
        ]
        if len(first) > 1:
            said.append(
                f"These data do not determine which is the best: rank 1 is in the 95 % interval of {', '.join(first)}."
            )
        costs = relative_costs(evidence.entries)
        first_cost, last_cost = costs.get(best.entry.name), costs.get(last.entry.name)
        if first_cost and last_cost:
            said.append(f"The first costs {short(first_cost.value / last_cost.value)} times as much as the last.")
        said += [f"Entries of {other.theory} stand apart, on the page of the task." for other in apart]
        found.append(Part(title=f"Equations of state: {metric.label} and cost", sentences=said))
        found[-1] = _with_cost(found[-1], board, costs)
    return found


def _has_value(place: Place, metric: Metric) -> bool:
    return place.score(metric).value is not None and not place.entry.stale


def _of(place: Place, metric: Metric, digits: int) -> str:
    return f"{figure(place.score(metric).value, digits)} ({place.entry.card.title})"


def _with_cost(part: Part, board: Board, known: Mapping[str, RelativeCost]) -> Part:
    """The part with a picture of the metric over the cost, where two entries or more were timed."""
    import altair as alt

    metric = board.metric
    rows = [
        {
            "entry": place.entry.name,
            "cost": known[place.entry.name].value,
            "value": place.score(metric).value,
        }
        for place in board.places
        if _has_value(place, metric) and place.entry.name in known
    ]
    costs = [cast(float, row["cost"]) for row in rows]
    if len(rows) < 2:
        return part
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_point(filled=True, size=80, opacity=0.9)
        .encode(
            alt.X("cost:Q").scale(type="log", padding=10).title("relative cost").axis(log_axis(costs)),
            alt.Y("value:Q").scale(zero=False, padding=8).title(f"{metric.label} ({metric.unit})").axis(tickCount=5),
            tooltip=tooltips(
                entry=("entry", "N"), value=(metric.label, "Q", ".3~g"), cost=("relative cost", "Q", ".3~g")
            ),
        )
    )
    told = "; ".join(f"{row['entry']} {short(cast(float, row['value']))}" for row in rows)
    return Part(
        title=part.title,
        sentences=part.sentences,
        pictures=[
            Picture(f"cost/{board.subset}", "", finish(chart, 240), f"{metric.label} against relative cost: {told}.")
        ],
        caption=f"{metric.label} against the relative cost, logarithmic: the time of one answer over the reference "
        f"model's in the same run, of {len(rows)} entries that were timed.",
        wide=True,
    )
