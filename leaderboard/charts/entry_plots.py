"""Entry plots: one number for each entry, and shares for each of two force heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from leaderboard.charts.log_axis import log_axis
from leaderboard.charts.spec import ROW_HEIGHT, Picture, categories, finish, name_axis, tooltips
from leaderboard.formatting import short

if TYPE_CHECKING:
    from leaderboard.ranking.collect import Entry

CAPTION = "Dots are entries whose cards claim a constrained potential, diamonds the others."
GRADIENT, DIRECT = "conservative forces", "direct forces"
_CLAIMS = {True: "constrained", False: "unconstrained", None: "says nothing"}


def by_entry(key: str, values: Sequence[tuple[Entry, float]], title: str, *, axis: str, share: bool = False) -> Picture:
    """The smallest on top; logarithmic, where zero has no dot, unless the numbers are shares."""
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
    colour, shape = categories("claim:N", list(_CLAIMS.values()), shapes=("circle", "diamond", "diamond"))
    told = tooltips(entry=("entry", "N"), shown=(axis, "N"), claim=("claims to be", "N"))
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_point(filled=True, size=80, opacity=1)
        .encode(x, name_axis("entry:N", limit=260), colour, shape, tooltip=told)
    )
    spec = finish(chart, ROW_HEIGHT * 0.75 * len(rows))
    words = "; ".join(f"{entry.name} {short(value)}" for entry, value in ordered)
    return Picture(key=key, title=title, spec=spec, alt=f"{axis}: {words}.")


def head_shares(key: str, rows: Sequence[dict[str, object]], *, of: str) -> Picture:
    """What shares the two heads of a checkpoint have; rows of `what`, `head`, `share` and `shown`."""
    import altair as alt

    chart = (
        alt.Chart(alt.Data(values=list(rows)))
        .mark_point(filled=True, size=90, opacity=1)
        .encode(
            alt.X("share:Q").scale(domain=[0, 1]).title("share").axis(format="%", tickCount=5),
            name_axis("what:N", labelPadding=10),
            *categories("head:N", [GRADIENT, DIRECT]),
            tooltip=tooltips(head=("forces", "N"), shown=(of, "N")),
        )
    )
    spec = finish(chart, 37 * len({row["what"] for row in rows}))
    words = "; ".join(f"{row['head']}, {row['what']}: {row['shown']}" for row in rows)
    return Picture(key=key, title="", spec=spec, alt=f"Shares of {of} by force head: {words}.")
