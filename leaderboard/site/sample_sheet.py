"""Sample sheet: the pictures of an entry's samples on one sheet, as SVG beside the records."""

from __future__ import annotations

import hashlib
import textwrap
from copy import deepcopy
from pathlib import Path
from typing import cast

from leaderboard import views
from leaderboard.charts.spec import Spec
from leaderboard.charts.theme import theme
from leaderboard.formatting import decimals, figure
from leaderboard.ranking.collect import Entry
from leaderboard.views.base import Panel, View
from zoo.files import write_text

COLUMNS = 5
WIDTH = 190
"""Pixels of a panel."""
FEW, LARGE = 3, 380
"""So many panels are drawn that large."""
_CAPTION = 170
"""Characters in a line of the caption."""
_COLOURS = {
    "accent": "#0f6a73",
    "other": "#b45309",
    "third": "#6b4fa0",
    "text": "#1b1f23",
    "muted": "#5a636b",
    "line": "#dfe2e0",
}
"""The site's light theme (`static/site.css`): a file has no theme of its own."""


def beside(entry: Entry) -> Path:
    """Where an entry's sheet is, or would be."""
    return entry.path.with_name(f"{entry.result.run.entry}.svg")


def write(entry: Entry) -> Path | None:
    """Draw an entry's sheet beside its records; None when there is nothing to draw."""
    import vl_convert

    spec = sheet(entry)
    if spec is None:
        return None
    svg = vl_convert.vegalite_to_svg(spec)
    path = beside(entry)
    write_text(path, f"{svg.rstrip()}\n{_made_from(entry)}\n")
    return path


def current(entry: Entry) -> bytes | None:
    """An entry's sheet; None where there is none that was drawn from these records.

    Folders of results are untrusted, and a browser runs scripts in an SVG: a file with any element or attribute beyond
    those that are drawn here is rejected.
    """
    path = beside(entry)
    if not path.is_file():
        return None
    data = path.read_bytes()
    made_here = data.rstrip().endswith(_made_from(entry).encode()) and _draws_only(data)
    return data if made_here else None


def sheet(entry: Entry) -> Spec | None:
    """All panels of an entry as one Vega-Lite specification that needs nothing else; None when there are none."""
    view = views.view(entry.task.name)
    if view is None or not entry.rows:
        return None
    shared = views.spec(entry.task.name)
    panels = list(entry.panels)
    drawn = [panel for panel in panels if panel.datasets is not None]
    if not drawn:
        return None
    datasets: dict[str, object] = {}
    concat = [_panel(number, panel, panel.spec or shared, datasets) for number, panel in enumerate(drawn)]
    return {
        "$schema": shared["$schema"],
        "title": {
            "text": f"{entry.task.title}, {entry.name}",
            "subtitle": _caption(entry, view, panels),
            "anchor": "start",
            "fontSize": 16,
            "subtitleFontSize": 11,
            "offset": 16,
        },
        "columns": COLUMNS,
        "concat": [{**one, "width": LARGE, "height": LARGE} for one in concat] if len(concat) <= FEW else concat,
        "datasets": datasets,
        "config": _CONFIG,
    }


def _panel(number: int, panel: Panel, spec: Spec, datasets: dict[str, object]) -> Spec:
    """One panel of the sheet; its data sets join the others under names of their own."""
    assert panel.datasets is not None
    one = deepcopy({name: value for name, value in spec.items() if name not in ("$schema", "config")})
    kept = []
    for layer in cast("list[dict[str, dict[str, str]]]", one.get("layer", [one])):
        name = layer["data"]["name"]
        if panel.datasets.get(name):  # a layer without a row has no extent
            datasets[f"{number}/{name}"] = list(panel.datasets[name])
            layer["data"] = {"name": f"{number}/{name}"}
            kept.append(layer)
    if "layer" in one:
        one["layer"] = kept
    note = f"{panel.mark}, {panel.note}" if panel.mark else panel.note
    return {**one, "width": WIDTH, "title": {"text": panel.title, "subtitle": note, "anchor": "start"}}


def _caption(entry: Entry, view: View, panels: list[Panel]) -> list[str]:
    empty = [panel for panel in panels if panel.datasets is None]
    width = _CAPTION if len(panels) - len(empty) > FEW else _CAPTION // 2
    metric = entry.task.metrics[0]
    score = entry.result.scores[metric.name]
    value = f"{figure(score.value, decimals([score.value]))} {metric.unit}".strip()
    lines = [f"{metric.label}: {value}, {entry.result.run.subset} subset, {entry.result.run.counts.total} samples."]
    lines += textwrap.wrap(view.caption, width)
    if empty:
        missing = f"Without a picture ({len(empty)}): {', '.join(panel.title for panel in empty)}."
        lines += textwrap.wrap(textwrap.shorten(missing, 4 * width, placeholder=" …"), width)
    return lines


def _draws_only(svg: bytes) -> bool:
    """Whether an SVG has shapes and text alone: no script, link, style sheet or entity."""
    from xml.etree import ElementTree

    if b"<!DOCTYPE" in svg or b"<?" in svg:  # entities would be declared there
        return False
    try:
        elements = list(ElementTree.fromstring(svg).iter())  # noqa: S314  # without a DOCTYPE nothing expands
    except ElementTree.ParseError:
        return False
    return all(
        element.tag in _ELEMENTS and all(name in _ATTRIBUTES or name.startswith("aria-") for name in element.attrib)
        for element in elements
    )


_ELEMENTS = {f"{{http://www.w3.org/2000/svg}}{name}" for name in ("svg", "g", "path", "line", "rect", "text", "tspan")}
_ATTRIBUTES = set(
    "class d display dy fill font-family font-size font-style font-weight height opacity fill-opacity stroke-opacity "
    "pointer-events role stroke stroke-dasharray stroke-dashoffset stroke-linecap stroke-linejoin stroke-miterlimit "
    "stroke-width text-anchor transform version viewBox width x x1 x2 y y1 y2 dx".split()
)


def _made_from(entry: Entry) -> str:
    return f"<!-- of records {hashlib.sha256(entry.records_path.read_bytes()).hexdigest()} -->"


_CONFIG: dict[str, object] = {
    **theme(_COLOURS, label_size=10, background="white"),
    "title": {
        "color": _COLOURS["text"],
        "subtitleColor": _COLOURS["muted"],
        "fontSize": 11,
        "subtitleFontSize": 10,
    },
}
