"""Equations of state: how far potentials are apart, and what of their order is settled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from evaluation.metric import Metric
from leaderboard.articles.article import Part, Picture
from leaderboard.articles.evidence import Evidence
from leaderboard.charts.log_axis import log_axis
from leaderboard.formatting import figure, short
from leaderboard.ranking.board import Place, boards

if TYPE_CHECKING:
    from leaderboard.views.base import Spec


def equations(evidence: Evidence) -> list[Part]:
    """How far potentials are apart in equations of state, and what of their order is settled."""
    found = []
    for board in boards(evidence.of("eos")):
        ranked = [place for place in board.places if place.rank and not place.entry.other_theory]
        if len(ranked) < 2:
            continue
        metric, best, last = board.metric, ranked[0], ranked[-1]
        digits = board.decimals(metric)
        first = [place.entry.card.title for place in ranked if place.rank and place.rank.low == 1]
        said = [
            f"{metric.label} of {len(ranked)} entries goes from {_of(best, metric, digits)} to "
            f"{_of(last, metric, digits)} {metric.unit} ({board.samples} elements, {board.subset} subset).",
        ]
        if len(first) > 1:
            said.append(f"These data do not settle which is the best: it may be any of {', '.join(first)}.")
        costs = [place.entry.result.run.cost.microseconds_per_atom for place in ranked]
        if costs[0] and costs[-1]:
            said.append(f"The first costs {short(costs[0] / costs[-1])} times as much per atom as the last.")
        others = [place for place in board.places if place.rank and place.entry.other_theory]
        if others:
            values = [cast(float, place.score(metric).value) for place in others]
            theories = ", ".join(dict.fromkeys(place.entry.theory for place in others))
            said.append(
                f"Models of another theory ({theories}) are at {figure(min(values), digits)} to "
                f"{figure(max(values), digits)}: part of that is the distance between the theories."
            )
        found.append(Part(title=f"Equations of state: {metric.label} and what it costs", sentences=said))
        found[-1] = _with_cost(found[-1], board.places, metric, board.subset)
    return found


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
        if place.rank and place.entry.result.run.cost.microseconds_per_atom
    ]
    theories = ["reference's", "another"]
    costs = [cast(float, row["cost"]) for row in rows]
    spec: Spec = (
        alt.Chart(alt.Data(values=rows))
        .mark_point(filled=True, size=80, opacity=0.9)
        .encode(
            alt.X("cost:Q").scale(type="log", padding=10).title("cost (µs/atom)").axis(log_axis(costs, form="~s")),
            alt.Y("value:Q").scale(zero=False, padding=8).title(f"{metric.label} ({metric.unit})").axis(tickCount=5),
            alt.Color("theory:N").scale(domain=theories).legend(None),
            alt.Shape("theory:N").scale(domain=theories, range=["circle", "diamond"]).legend(None),
            tooltip=[
                alt.Tooltip("entry:N", title="entry"),
                alt.Tooltip("value:Q", title=metric.label, format=".3~g"),
                alt.Tooltip("cost:Q", title="µs/atom", format=".3~s"),
            ],
        )
        .properties(width="container", height=240)
        .to_dict()
    )
    told = "; ".join(f"{row['entry']} {short(cast(float, row['value']))}" for row in rows)
    return Part(
        title=part.title,
        sentences=part.sentences,
        pictures=[Picture(f"cost/{subset}", "", spec, f"{metric.label} against cost per atom: {told}.")],
        caption=f"{metric.label} against the cost per atom and force call, logarithmic; costs are of one machine each, "
        "and other work may have run beside. A diamond marks another level of theory.",
        wide=True,
    )
