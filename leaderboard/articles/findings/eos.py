"""Equations of state: the range of Δ over entries, which ranks are significant, and the cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from evaluation.metric import Metric
from leaderboard.articles.article import Part
from leaderboard.articles.evidence import Evidence
from leaderboard.charts.log_axis import log_axis
from leaderboard.charts.spec import Picture, categories, finish, tooltips
from leaderboard.formatting import figure, short
from leaderboard.ranking.board import Place, boards


def eos_findings(evidence: Evidence) -> list[Part]:
    """The range of Δ over entries, which ranks are significant, and the cost."""
    found = []
    for board in boards(evidence.of("eos")):
        ranked = [place for place in board.places if place.rank and not place.entry.other_theory]
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
        costs = [place.entry.result.run.cost.microseconds_per_atom for place in ranked]
        if costs[0] and costs[-1]:
            said.append(f"The first costs {short(costs[0] / costs[-1])} times as much per atom as the last.")
        others = [place for place in board.places if place.entry.other_theory and _has_value(place, metric)]
        if others:
            values = [cast(float, place.score(metric).value) for place in others]
            theories = ", ".join(dict.fromkeys(place.entry.theory for place in others))
            said.append(
                f"Models of another theory ({theories}) are at {figure(min(values), digits)} to "
                f"{figure(max(values), digits)}: part of that is the difference between the theories."
            )
        found.append(Part(title=f"Equations of state: {metric.label} and cost", sentences=said))
        found[-1] = _with_cost(found[-1], board.places, metric, board.subset)
    return found


def _has_value(place: Place, metric: Metric) -> bool:
    return place.score(metric).value is not None and not place.entry.stale


def _of(place: Place, metric: Metric, digits: int) -> str:
    return f"{figure(place.score(metric).value, digits)} ({place.entry.card.title})"


def _with_cost(part: Part, places: Sequence[Place], metric: Metric, subset: str) -> Part:
    """The part with a picture of the metric over the cost."""
    import altair as alt

    rows = [
        {
            "entry": place.entry.name,
            "cost": place.entry.result.run.cost.microseconds_per_atom,
            "value": place.score(metric).value,
            "theory": "another" if place.entry.other_theory else "reference's",
        }
        for place in places
        if _has_value(place, metric) and place.entry.result.run.cost.microseconds_per_atom
    ]
    costs = [cast(float, row["cost"]) for row in rows]
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_point(filled=True, size=80, opacity=0.9)
        .encode(
            alt.X("cost:Q").scale(type="log", padding=10).title("cost (µs/atom)").axis(log_axis(costs, form="~s")),
            alt.Y("value:Q").scale(zero=False, padding=8).title(f"{metric.label} ({metric.unit})").axis(tickCount=5),
            *categories("theory:N", ["reference's", "another"]),
            tooltip=tooltips(
                entry=("entry", "N"), value=(metric.label, "Q", ".3~g"), cost=("cost (µs/atom)", "Q", ".3~s")
            ),
        )
    )
    told = "; ".join(f"{row['entry']} {short(cast(float, row['value']))}" for row in rows)
    return Part(
        title=part.title,
        sentences=part.sentences,
        pictures=[Picture(f"cost/{subset}", "", finish(chart, 240), f"{metric.label} against cost per atom: {told}.")],
        caption=f"{metric.label} against the cost per atom and force call, logarithmic; costs are of one machine each, "
        "and other processes may have run at the same time. A diamond marks another level of theory.",
        wide=True,
    )
