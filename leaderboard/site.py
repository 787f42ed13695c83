"""Site: boards, cards and tasks as a folder of static pages that loads nothing from elsewhere.

`pages` is pure: the same collection gives the same bytes. `build` writes them beside the old site and swaps.
"""

from __future__ import annotations

import inspect
import json
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from leaderboard import digits, export, figures, pictures, views
from leaderboard.board import Board, boards
from leaderboard.cards import prose_html
from leaderboard.collect import Collection, Entry
from leaderboard.errors import ResultFault, SiteError
from zoo import index
from zoo.card import Card, training_sets
from zoo.environment import families
from zoo.errors import CardError

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from evaluation.metric import Metric
    from evaluation.task import Row, Task

_HERE = Path(__file__).parent
MOST_ROWS = 200
"""Samples in a table; the records that a page links have all of them."""
MOST_EMPTY = 12
"""Panels without a picture that stand among the others; more are a list."""
_MARKER = ".mlip-zoo-site"
"""A folder with this file was made by `build`, so that `build` may replace it."""


def build(collection: Collection, out: Path) -> list[str]:
    """Write the site into `out`, whole or not at all; returns the faults that its pages do without.

    Raises SiteError when `out` holds something that is not a site of ours, ResultFault when no result at all can be
    shown: an empty site takes nobody's place.
    """
    if not collection.entries:
        raise ResultFault("\n".join(collection.faults))
    out = out.absolute()
    if out.exists() and not _is_ours(out):
        raise SiteError(f"{out} exists and is not a site that this command made; name another folder with --out")
    files, faults = pages(collection)
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.", suffix=".tmp"))
    try:
        for name, data in files.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        fresh.chmod(0o755)  # mkdtemp makes private folders, and a web server is somebody else
        _swap(fresh, out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return faults


def pages(collection: Collection) -> tuple[dict[str, bytes], list[str]]:
    """All files of the site, path → bytes, and the faults of results and cards that are left out."""
    cards, faults = _cards()
    faults = [*collection.faults, *faults]
    all_boards = boards(collection.entries)
    tasks = {board.task.name: board.task for board in all_boards}
    render = _Renderer(tasks=tuple(tasks.values()))
    shown = {entry.card.name for entry in collection.entries}
    files: dict[str, str | bytes] = {
        "index.html": render(
            "index.html.j2",
            boards=[(board, figures.describe(board)) for board in all_boards],
            charts={"specs": _plots(all_boards), "datasets": {}},
            waiting=[card for card in cards if card.name not in shown],
            faults=[_without_folder(fault, collection.folders) for fault in faults],
        ),
        "data/board.csv": export.to_csv(all_boards),
        "data/board.json": export.to_json(all_boards),
        _MARKER: "Made by 'mlip-zoo site build', which may replace this folder.\n",
    }
    for path in sorted((_HERE / "pages").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        title, _, prose = text.removeprefix("# ").partition("\n")
        files[f"{path.stem}.html"] = render("page.html.j2", title=title, prose=prose_html(prose, top=1))
    for card in cards:
        files[f"models/{card.name}.html"] = _model_page(render, card, all_boards)
    for task in tasks.values():
        mine = [board for board in all_boards if board.task is task]
        files[f"tasks/{task.name}.html"] = _task_page(render, task, mine)
    for entry in collection.entries:
        files[_data(entry, ".json")] = entry.path.read_bytes()
        files[_data(entry, ".parquet")] = entry.records_path.read_bytes()
        if sheet := pictures.current(entry):
            files[_data(entry, ".svg")] = sheet
    for path in sorted((_HERE / "static").iterdir()):
        files[f"static/{path.name}"] = path.read_bytes()
    files["static/vega.js"] = _vega()
    return {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}, faults


def _plots(all_boards: Sequence[Board]) -> dict[str, views.Spec]:
    plots = {f"{board.task.name}-{board.subset}": figures.dot_plot(board) for board in all_boards}
    return {name: plot for name, plot in plots.items() if plot is not None}


def _cards() -> tuple[list[Card], list[str]]:
    found, faults = [], []
    for name in index.names():
        try:
            found.append(index.card(name))
        except CardError as error:
            faults.append(str(error))
    return found, faults


def _model_page(render: _Renderer, card: Card, all_boards: Sequence[Board]) -> str:
    sections = []
    specs: dict[str, views.Spec] = {}
    datasets: dict[str, views.Datasets] = {}
    mine = [(board, place) for board in all_boards for place in board.places if place.entry.card.name == card.name]
    for board, place in mine:
        entry = place.entry
        view = views.view(board.task.name)
        drawn = []
        if view and entry.rows:
            specs[board.task.name] = view.spec()
            for panel in view.panels(entry.records, entry.rows):
                key = f"{board.task.name}/{board.subset}/{entry.name}/{panel.title}"
                if panel.datasets is not None:
                    datasets[key] = panel.datasets
                    if panel.spec is not None:
                        specs[key] = panel.spec
                drawn.append((panel, key if key in datasets else None))
        judged = view.judgements(entry.rows, card, entry.mode) if isinstance(view, views.Judges) and entry.rows else []
        sections.append(
            {
                "board": board,
                "place": place,
                "view": view,
                "panels": drawn,
                "folded": _folded([panel for panel, key in drawn if key is None]),
                "rows": _worst(entry.rows, board.metric),
                "judgements": judged,
                "sheet": pictures.current(entry) is not None,
            }
        )
    return render(
        "model.html.j2",
        root="../",
        card=card,
        known=index.names(),
        training_sets=training_sets(),
        prose=prose_html(card.prose),
        sections=sections,
        charts={"specs": specs, "datasets": datasets},
    )


def _folded(empty: Sequence[views.Panel]) -> dict[str, list[str]]:
    """Panels without a picture, by the reason; nothing where they are few enough to stand among the others."""
    found: dict[str, list[str]] = {}
    for panel in empty if len(empty) > MOST_EMPTY else ():
        found.setdefault(panel.reason or panel.note, []).append(panel.title)
    return found


def _worst(rows: Sequence[Row], metric: Metric) -> Sequence[Row]:
    """Rows that a page has room for: all in their order, or the worst by the metric, then those without a number."""
    if len(rows) <= MOST_ROWS:
        return rows
    sign = -1 if metric.better == "lower" else 1

    def order(row: Row) -> tuple[bool, float]:
        value = cast("float | None", row[metric.name])
        return value is None, 0.0 if value is None else sign * value

    return sorted(rows, key=order)[:MOST_ROWS]


def _task_page(render: _Renderer, task: Task, mine: Sequence[Board]) -> str:
    module = inspect.getmodule(type(task))
    paragraphs = (inspect.getdoc(module) or "").split("\n\n") if module else []
    protocol = {name: _worded(value) for name, value in task.protocol.model_dump().items()}
    return render("task.html.j2", root="../", task=task, boards=mine, paragraphs=paragraphs, protocol=protocol)


def _worded(value: object) -> str:
    """A protocol's value without the brackets of a programming language."""
    if isinstance(value, dict):
        return "; ".join(f"{str(name).replace('_', ' ')}: {_worded(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_worded, value))
    return str(value)


def _data(entry: Entry, suffix: str) -> str:
    run = entry.result.run
    return f"data/results/{run.task}/{run.subset}/{run.entry}{suffix}"


class _Renderer:
    """Templates with what all of them need: nothing that a card or a result says reaches a page unescaped."""

    def __init__(self, *, tasks: tuple[Task, ...]) -> None:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        self._environment: Environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self._environment.globals.update(tasks=tasks, families=families(), digits=digits, axis_title=figures.axis_title)
        self._environment.filters.update(json=_json_block, href=quote, data=_data, claim=_claim)

    def __call__(self, template: str, *, root: str = "", prose: str = "", **values: object) -> str:
        """Render a template; `prose` is HTML from `prose_html`, which lets nothing through that acts."""
        from markupsafe import Markup

        values["prose"] = Markup(prose)  # noqa: S704
        return self._environment.get_template(template).render(root=root, **values)


def _claim(card: Card) -> str:
    """What a card claims to be, in words."""
    if card.constrained is None:
        return "not documented whether it is constrained"
    return "claims to be constrained" if card.constrained else "claims to be unconstrained"


def _json_block(data: object) -> Markup:
    """JSON for a `<script type="application/json">`: no character in it can end the element or open another."""
    from markupsafe import Markup

    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704


@cache
def _vega() -> str:
    """Vega-Embed with Vega and Vega-Lite as one script, out of the wheel of vl-convert."""
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")


def _without_folder(fault: str, folders: Sequence[Path]) -> str:
    """A fault without the paths of the machine that built the site: those are nobody else's business."""
    for folder in folders:
        fault = fault.replace(f"{folder}/", "")
    return fault


def _is_ours(out: Path) -> bool:
    return out.is_dir() and ((out / _MARKER).is_file() or not any(out.iterdir()))


def _swap(fresh: Path, out: Path) -> None:
    """Put `fresh` in the place of `out`; if that fails the old site comes back."""
    if not out.exists():
        fresh.rename(out)
        return
    old = fresh.with_suffix(".old")
    out.rename(old)
    try:
        fresh.rename(out)
    except OSError:
        old.rename(out)
        raise
    shutil.rmtree(old)
