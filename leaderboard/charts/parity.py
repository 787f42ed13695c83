"""Parity: a model's figures over the reference's, with the diagonal; what several tasks' views draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import altair as alt

    from leaderboard.views.base import Spec


def parity(
    points: str,
    tooltip: list[alt.Tooltip],
    *,
    height: int = 160,
    logarithmic: bool = False,
    size: alt.Size | int = 14,
) -> Spec:
    """Two layers over the datasets `equal`, the diagonal's ends, and `points`; both have the columns ref and pred.

    `size` is the area of a point in square pixels, or the column that it stands for; `height` is in pixels.
    """
    import altair as alt

    if logarithmic:
        scale, ticks = alt.Scale(type="log", nice=False), alt.Axis(tickCount=3, format="~g")
    else:
        scale, ticks = alt.Scale(zero=False, nice=False), alt.Axis(tickCount=4)
    x = alt.X("ref:Q", title=None, scale=scale, axis=alt.Axis(**{**ticks.to_dict(), "grid": False}))
    y = alt.Y("pred:Q", title=None, scale=scale, axis=ticks)
    equal = alt.Chart(alt.NamedData("equal")).mark_line(strokeDash=[4, 3], strokeWidth=1.5, style="reference")
    marked = alt.Chart(alt.NamedData(points))
    if isinstance(size, int):
        drawn = marked.mark_circle(size=size, opacity=0.6).encode(x, y, tooltip=tooltip)
    else:
        drawn = marked.mark_circle(opacity=0.6).encode(x, y, size, tooltip=tooltip)
    spec: Spec = alt.layer(equal.encode(x, y), drawn).properties(width="container", height=height).to_dict()
    return spec
