"""Board plots: every entry of a board that has a value, with its interval, as a Vega-Lite specification."""

from __future__ import annotations

from evaluation.metric import Metric
from leaderboard.charts.log_axis import log_axis
from leaderboard.charts.spec import ROW_HEIGHT, Spec, finish, name_axis, tooltips
from leaderboard.formatting import NOTHING, figure, interval
from leaderboard.ranking.board import Board, Place

SPAN = 1e3
"""Values farther apart than this factor take a logarithmic axis."""


def dot_plot(board: Board) -> Spec | None:
    """Every entry's value with its 95 % interval, as a board of one theory has them; None where nothing compares."""
    import altair as alt

    metric = board.metric
    drawn = _drawn(board)
    if board.is_canary or len(drawn) < 2:
        return None
    rows = _rows(drawn, metric, board.decimals(metric))
    base = alt.Chart(alt.Data(values=rows)).encode(name_axis("entry:N", grid=False))
    sizes = [place.score(metric).value for place in drawn] + [place.score(metric).low for place in drawn]
    spread = [size for size in sizes if size is not None]
    logarithmic = min(spread) > 0 and max(spread) > SPAN * min(spread)
    scale = alt.Scale(type="log", nice=False, padding=8) if logarithmic else alt.Scale(zero=metric.best == 0)
    axis = log_axis(spread) if logarithmic else alt.Axis(tickCount=6)
    whiskers = base.transform_filter("datum.low != null").mark_rule(strokeWidth=2, opacity=0.55)
    dots = base.mark_point(filled=True, size=90, opacity=1)
    chart = alt.layer(
        whiskers.encode(alt.X("low:Q").scale(scale).title(axis_title(metric)).axis(axis), alt.X2("high:Q")),
        dots.encode(alt.X("value:Q"), tooltip=tooltips(**_TOOLTIP)),
    )
    return finish(chart, ROW_HEIGHT * len(rows))


def axis_title(metric: Metric) -> str:
    """`Δ (meV/atom), lower is better`."""
    unit = f" ({metric.unit})" if metric.unit else ""
    return f"{metric.label}{unit}, {metric.better} is better"


def describe(board: Board) -> str:
    """The dot plot in words, for those who cannot see it."""
    metric = board.metric
    digits = board.decimals(metric)
    parts = [f"{place.entry.name} {figure(place.score(metric).value, digits)}" for place in _drawn(board)]
    return f"{axis_title(metric)}, from best to worst: {'; '.join(parts)}."


def _drawn(board: Board) -> list[Place]:
    """Places with a value of today's: a rank takes more."""
    return [place for place in board.places if place.score(board.metric).value is not None and not place.entry.stale]


_TOOLTIP = {
    "entry": ("entry", "N"),
    "rank": ("rank", "N"),
    "shown": ("value", "N"),
    "interval": ("95 % interval", "N"),
}


def _rows(places: list[Place], metric: Metric, digits: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for place in places:
        score = place.score(metric)
        rows.append(
            {
                "entry": short_name(place),
                "rank": str(place.rank) if place.rank else NOTHING,
                "value": score.value,
                "low": score.low,
                "high": score.high,
                "shown": f"{figure(score.value, digits)} {metric.unit}".strip(),
                "interval": interval(score.low, score.high, digits) or "none",
            }
        )
    return rows


def short_name(place: Place) -> str:
    """The entry's name, without a mode that is its card's default."""
    entry = place.entry
    return entry.card.name if entry.mode == entry.card.default_mode else entry.name
