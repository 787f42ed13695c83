"""Specifications: the language that every picture is written in, and the axes, lines and sizes that many share.

No colour stands in them: a page gives its own to both of its themes (`static/charts.js`), and `charts.theme` has those
of a picture that stands alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import altair as alt

Spec = dict[str, object]
"""A Vega-Lite specification."""
Datasets = Mapping[str, Sequence[Mapping[str, float | str]]]
"""Data set's name in the specification → its rows."""
Style = Mapping[str, object]
"""Properties of a line mark."""

PANEL_HEIGHT = 110
"""Pixels of a small picture among many."""
ROW_HEIGHT = 28
"""Pixels between two entries that stand below each other."""

SOLID: Style = {"strokeWidth": 1.5}
DASHED: Style = {"strokeWidth": 1.5, "strokeDash": [4, 3]}
REFERENCE: Style = {"strokeWidth": 1.5, "style": "reference"}
"""In the muted colour of what a model is compared with."""
DASHED_REFERENCE: Style = {**DASHED, **REFERENCE}


@dataclass(frozen=True)
class Picture:
    """A Vega-Lite figure with its data inside."""

    key: str
    """Unique on its page."""
    title: str
    """Above it, among small ones; empty for one that stands alone."""
    spec: Spec
    alt: str
    """What it shows, in words."""


def finish(chart: alt.Chart | alt.LayerChart | alt.FacetChart, height: float | alt.Step = PANEL_HEIGHT) -> Spec:
    """The chart as plain data, as wide as its place on the page and `height` pixels high."""
    # a test holds every specification against the schema; here that would take most of the time of a build
    spec: Spec = chart.properties(width="container", height=height).to_dict(validate=False)
    return spec


def x_axis(field: str, *, ticks: int = 3, labels: str | None = None, **scale: object) -> alt.X:
    """A horizontal axis without title and grid; `labels` is d3's format, `scale` goes to altair.Scale."""
    import altair as alt

    return alt.X(field, title=None, axis=_axis(ticks, labels, grid=False), scale=scale or alt.Undefined)


def y_axis(field: str, *, ticks: int = 3, labels: str | None = None, **scale: object) -> alt.Y:
    """A vertical axis without title, with a grid; otherwise as `x_axis`."""
    import altair as alt

    return alt.Y(field, title=None, axis=_axis(ticks, labels), scale=scale or alt.Undefined)


def name_axis(field: str, *, limit: int = 240, **axis: object) -> alt.Y:
    """Names below each other in the order of the rows, at most `limit` pixels of each."""
    import altair as alt

    return alt.Y(field, sort=None, title=None, axis={"labelLimit": limit, "ticks": False, "domain": False, **axis})


def line(dataset: str, style: Style = SOLID, **mark: object) -> alt.Chart:
    """A line over a named data set."""
    import altair as alt

    drawn: alt.Chart = alt.Chart(alt.NamedData(dataset)).mark_line(**{**style, **mark})  # type: ignore[arg-type]
    return drawn


def rule(dataset: str) -> alt.Chart:
    """A thin straight line at each row of a named data set: a threshold, a zero."""
    import altair as alt

    drawn: alt.Chart = alt.Chart(alt.NamedData(dataset)).mark_rule(style="reference", strokeWidth=1)
    return drawn


def categories(
    field: str, names: Sequence[str], *, shapes: Sequence[str] = ("circle", "diamond")
) -> tuple[alt.Color, alt.Shape]:
    """Colour and shape by category, so that neither alone tells two apart."""
    import altair as alt

    return (
        alt.Color(field).scale(domain=names).legend(None),
        alt.Shape(field).scale(domain=names, range=shapes).legend(None),
    )


def tooltips(**fields: tuple[str, str] | tuple[str, str, str]) -> list[alt.Tooltip]:
    """Column → its title, its type (`Q` or `N`) and d3's format where its numbers need one."""
    import altair as alt

    return [
        alt.Tooltip(f"{name}:{kind}", title=title, format=form[0] if form else alt.Undefined)
        for name, (title, kind, *form) in fields.items()
    ]


def _axis(ticks: int, labels: str | None, **axis: object) -> dict[str, object]:
    return {"tickCount": ticks, **axis, **({"format": labels} if labels else {})}
