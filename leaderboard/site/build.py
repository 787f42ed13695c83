"""Site: boards, cards and tasks as a folder of static pages that loads nothing from elsewhere.

`pages` is pure: the same collection gives the same bytes. `build` writes them beside the old site and swaps.
"""

from __future__ import annotations

import inspect
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from leaderboard import articles
from leaderboard.analysis import convergence
from leaderboard.analysis.constraint_grades import constraint_cards
from leaderboard.analysis.phonon_safety import limits
from leaderboard.articles.evidence import gather
from leaderboard.charts import board_plots
from leaderboard.charts.spec import Spec
from leaderboard.errors import ResultFault, SiteError
from leaderboard.ranking import export
from leaderboard.ranking.board import Board, boards
from leaderboard.ranking.collect import Collection
from leaderboard.ranking.cost import RelativeCost
from leaderboard.site import sample_sheet
from leaderboard.site.entry_section import sections
from leaderboard.site.front import Front, front, news
from leaderboard.site.front_pages import front_pages, search_page
from leaderboard.site.markdown import prose_html
from leaderboard.site.templating import Renderer, data_path
from zoo.cards import index
from zoo.cards.card import Card

if TYPE_CHECKING:
    from evaluation.task import Task

_HERE = Path(__file__).parent
_MARKER = ".mlip-zoo-site"
"""A folder with this file was made by `build`, so that `build` may replace it."""


def build(collection: Collection, out: Path, *, day: date | None = None) -> list[str]:
    """Write the site into `out`, whole or not at all; returns the faults that its pages do without.

    `day`, the date that its pages give as that of the build, is the newest result's where none is given.

    Raises SiteError when `out` holds something that is not a site of ours, ResultFault when no result at all can be
    shown: an empty site does not replace an earlier one.
    """
    if not collection.entries:
        raise ResultFault("\n".join(collection.faults))
    out = out.absolute()
    if out.exists() and not _is_ours(out):
        raise SiteError(f"{out} exists and is not a site that this command made; name another folder with --out")
    files, faults = pages(collection, day=day)
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.", suffix=".tmp"))
    try:
        for name, data in files.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        fresh.chmod(0o755)  # mkdtemp makes private folders, which a web server of another user cannot read
        _swap(fresh, out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return faults


def pages(collection: Collection, *, day: date | None = None) -> tuple[dict[str, bytes], list[str]]:
    """All files of the site, path → bytes, and the faults of results and cards that are left out."""
    survey = index.survey()
    # a result's card has its page, though another may look like it
    cards = {card.name: card for card in (*(entry.card for entry in collection.entries), *survey.cards)}
    evidence, unread = gather(collection)
    faults = [*collection.faults, *unread, *survey.faults]
    written = [make(evidence) for make in articles.found()]
    all_boards = boards(collection.entries)
    tasks = {board.task.name: board.task for board in all_boards}
    latest = news(collection.entries)
    built = day.isoformat() if day else max((each.day for each in latest), default="")
    render = Renderer(tasks=tuple(tasks.values()), articles=written, built=built)
    found = front(collection.entries, all_boards, limits(evidence.curves, evidence.entries))
    files: dict[str, str | bytes] = {
        **front_pages(render, found, list(cards.values()), latest, _without_folders(faults, collection.folders)),
        "data/board.csv": export.to_csv(all_boards),
        "data/board.json": export.to_json(all_boards),
        _MARKER: "Made by 'mlip-zoo site build', which may replace this folder.\n",
    }
    for path in sorted((_HERE / "pages").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        title, _, prose = text.removeprefix("# ").partition("\n")
        files[f"{path.stem}.html"] = render("page.html.j2", title=title, prose=prose_html(prose, top=2))
    for article in written:
        specs = {picture.key: picture.spec for picture in article.pictures}
        files[f"{article.name}.html"] = render(
            "article.html.j2", article=article, charts={"specs": specs, "datasets": {}}
        )
        files |= {f"data/{name}": data for name, data in article.downloads.items()}
    for _, card in sorted(cards.items()):
        files[f"models/{card.name}.html"] = _model_page(render, card, all_boards, found)
    files["search.html"] = search_page(render, cards, tasks.values(), written)
    for task in tasks.values():
        mine = [board for board in all_boards if board.task is task]
        files[f"tasks/{task.name}.html"] = _task_page(render, task, mine, costs=found.table.costs)
    for entry in collection.entries:
        files[data_path(entry, ".json")] = entry.path.read_bytes()
        files[data_path(entry, ".parquet")] = entry.records_path.read_bytes()
        if sheet := sample_sheet.current(entry):
            files[data_path(entry, ".svg")] = sheet
    for path in sorted((_HERE / "static").iterdir()):
        files[f"static/{path.name}"] = path.read_bytes()
    files["static/vega.js"] = _vega()
    return {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}, faults


def _model_page(render: Renderer, card: Card, all_boards: Sequence[Board], front: Front) -> str:
    rows = [row for row in front.table.rows if row.card.name == card.name]
    mine = [entry for row in rows for entry in row.entries]
    found, charts = sections(all_boards, lambda entry: entry.card.name == card.name)
    modes = {entry.name: entry.mode for entry in mine}
    return render(
        "model.html.j2",
        root="../",
        card=card,
        known=index.names(),
        safeties=[front.facts[row.name].safety for row in rows],
        prose=prose_html(card.prose),
        sections=found,
        constraints=[each for name in sorted(modes) for each in constraint_cards(card, modes[name], mine)],
        charts=asdict(charts),
    )


def _task_page(render: Renderer, task: Task, mine: Sequence[Board], *, costs: Mapping[str, RelativeCost]) -> str:
    module = inspect.getmodule(type(task))
    prose = prose_html(inspect.getdoc(module) or "") if module else ""
    return render(
        "task.html.j2",
        root="../",
        task=task,
        boards=[(board, board_plots.describe(board)) for board in mine],
        charts={"specs": _plots(mine), "datasets": {}},
        prose=prose,
        costs=costs,
        convergence=convergence.tables(task),
    )


def _plots(all_boards: Sequence[Board]) -> dict[str, Spec]:
    plots = {f"{board.task.name}-{board.subset}": board_plots.dot_plot(board) for board in all_boards}
    return {name: plot for name, plot in plots.items() if plot is not None}


@cache
def _vega() -> str:
    """Vega-Embed with Vega and Vega-Lite as one script, out of the wheel of vl-convert."""
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")


def _without_folders(faults: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """Faults without the paths of the machine that built the site, which are not published."""
    for folder in folders:
        faults = [fault.replace(f"{folder}/", "") for fault in faults]
    return list(faults)


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
