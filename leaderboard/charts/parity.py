"""Parity: a model's figures over the reference's, with the diagonal; what several tasks' views draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from leaderboard.charts.spec import DASHED_REFERENCE, Spec, finish, line, x_axis, y_axis

if TYPE_CHECKING:
    import altair as alt


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
        x = x_axis("ref:Q", labels="~g", type="log", nice=False)
        y = y_axis("pred:Q", labels="~g", type="log", nice=False)
    else:
        x = x_axis("ref:Q", ticks=4, zero=False, nice=False)
        y = y_axis("pred:Q", ticks=4, zero=False, nice=False)
    marked = alt.Chart(alt.NamedData(points))
    if isinstance(size, int):
        drawn = marked.mark_circle(size=size, opacity=0.6).encode(x, y, tooltip=tooltip)
    else:
        drawn = marked.mark_circle(opacity=0.6).encode(x, y, size, tooltip=tooltip)
    return finish(alt.layer(line("equal", DASHED_REFERENCE).encode(x, y), drawn), height)


def diagonal(points: Sequence[Mapping[str, float | str]], *, margin: float) -> list[dict[str, float | str]]:
    """The data set `equal` of positive points: the diagonal, reaching further than the outermost by the factor."""
    numbers = [float(point[axis]) for point in points for axis in ("ref", "pred")]
    ends = (four_digits(min(numbers) / margin), four_digits(max(numbers) * margin))
    return [{"ref": end, "pred": end} for end in ends]


def four_digits(number: object) -> float:
    """To what a picture can show, so that the last digits of a platform stay out."""
    return float(f"{cast(float, number):.4g}")
