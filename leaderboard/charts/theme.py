"""Theme: Vega-Lite's configuration of a picture in the site's colours, for those that are drawn without its script."""

from __future__ import annotations

from collections.abc import Mapping

ROLES = ("accent", "other", "third", "text", "muted", "line")
"""Colours of `static/site.css`: of marks, of a second and third category, of words, of what is beside, of grids."""


def theme(colours: Mapping[str, str], *, label_size: float, background: str = "transparent") -> dict[str, object]:
    """As `static/charts.js` has it; `colours` by role, `label_size` in pixels."""
    accent, muted, line = (colours[role] for role in ("accent", "muted", "line"))
    return {
        "background": background,
        "font": "sans-serif",
        "view": {"stroke": None},
        **{mark: {"color": accent} for mark in ("mark", "line", "point", "circle")},
        "style": {"reference": {"color": muted}},
        "range": {"category": [colours[role] for role in ("accent", "other", "third")]},
        "axis": {
            "labelColor": muted,
            "titleColor": muted,
            "titleFontWeight": "normal",
            "labelFontSize": label_size,
            "titleFontSize": 12,
            "gridColor": line,
            "domainColor": line,
            "tickColor": line,
        },
        "axisY": {"labelColor": colours["text"]},
    }
