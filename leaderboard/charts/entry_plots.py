"""Dots: pictures of one number for each entry, and of shares for each of two heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from leaderboard.articles.article import Picture
from leaderboard.charts.board_plots import ROW_HEIGHT
from leaderboard.charts.log_axis import log_axis
from leaderboard.formatting import short

if TYPE_CHECKING:
    from leaderboard.ranking.collect import Entry
    from leaderboard.views.base import Spec

CAPTION = "Dots are entries whose cards claim a constrained potential, diamonds the others."
GRADIENT, DIRECT = "gradient of the energy", "direct head"
_CLAIMS = {True: "constrained", False: "unconstrained", None: "says nothing"}


def by_entry(key: str, values: Sequence[tuple[Entry, float]], title: str, *, axis: str, share: bool = False) -> Picture:
    """The smallest on top; logarithmic, unless the numbers are shares. What is zero has no logarithm and no dot."""
    import altair as alt

    ordered = sorted(values, key=lambda each: (each[1], each[0].name))
    drawn = [(entry, value) for entry, value in ordered if share or value > 0]
    rows = [
        {"entry": entry.name, "value": value, "shown": short(value), "claim": _CLAIMS[entry.claims_constrained]}
        for entry, value in drawn
    ]
    x = alt.X("value:Q").title(axis)
    x = (
        x.scale(domain=[0, 1]).axis(format="%", tickCount=5)
        if share
        else x.scale(type="log", padding=10).axis(log_axis([value for _, value in drawn]))
    )
    claims = list(_CLAIMS.values())
    spec: Spec = (
        alt.Chart(alt.Data(values=rows))
        .mark_point(filled=True, size=80, opacity=1)
        .encode(
            x,
            alt.Y("entry:N").sort(None).title(None).axis(labelLimit=260, ticks=False, domain=False),
            alt.Color("claim:N").scale(domain=claims).legend(None),
            alt.Shape("claim:N").scale(domain=claims, range=["circle", "diamond", "diamond"]).legend(None),
            tooltip=[
                alt.Tooltip("entry:N", title="entry"),
                alt.Tooltip("shown:N", title=axis),
                alt.Tooltip("claim:N", title="claims to be"),
            ],
        )
        .properties(width="container", height=ROW_HEIGHT * 0.75 * len(rows))
        .to_dict()
    )
    told = "; ".join(f"{entry.name} {short(value)}" for entry, value in ordered)
    return Picture(key=key, title=title, spec=spec, alt=f"{axis}: {told}.")


def head_shares(key: str, rows: Sequence[dict[str, object]], *, of: str) -> Picture:
    """What shares the two heads of a checkpoint have; rows of `what`, `head`, `share` and `shown`."""
    import altair as alt

    heads = [GRADIENT, DIRECT]
    chart = alt.Chart(alt.Data(values=list(rows))).mark_point(filled=True, size=90, opacity=1)
    spec: Spec = (
        chart.encode(
            alt.X("share:Q").scale(domain=[0, 1]).title("share").axis(format="%", tickCount=5),
            alt.Y("what:N").sort(None).title(None).axis(labelLimit=240, labelPadding=10, ticks=False, domain=False),
            alt.Color("head:N").scale(domain=heads).legend(None),
            alt.Shape("head:N").scale(domain=heads, range=["circle", "diamond"]).legend(None),
            tooltip=[alt.Tooltip("head:N", title="forces"), alt.Tooltip("shown:N", title=of)],
        )
        .properties(width="container", height=37 * len({row["what"] for row in rows}))
        .to_dict()
    )
    told = "; ".join(f"{row['head']}, {row['what']}: {row['shown']}" for row in rows)
    return Picture(key=key, title="", spec=spec, alt=f"Shares of {of} by force head: {told}.")
