"""Site: boards, cards and tasks as a folder of static pages that loads nothing from elsewhere.

`pages` is pure: the same collection gives the same bytes. `build` writes them beside the old site and swaps; it takes
over those whose inputs are the same as then (`leaderboard.site.manifest`).
"""

from __future__ import annotations

import inspect
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from leaderboard import articles
from leaderboard.analysis import convergence
from leaderboard.analysis.constraint_grades import constraint_cards
from leaderboard.analysis.phonon_safety import PhononSafety, limits
from leaderboard.articles.evidence import gather
from leaderboard.charts import board_plots
from leaderboard.charts.spec import Spec
from leaderboard.errors import ResultFault, SiteError
from leaderboard.ranking.board import Board, Place, boards
from leaderboard.ranking.collect import Collection, Entry
from leaderboard.ranking.cost import RelativeCost
from leaderboard.ranking.overview import Row
from leaderboard.site import manifest, sample_sheet
from leaderboard.site.crystal_files import shared_file
from leaderboard.site.data_files import data_files
from leaderboard.site.entry_section import Section, sections
from leaderboard.site.front import Front, front, news
from leaderboard.site.front_pages import front_pages, search_page
from leaderboard.site.inputs import cards as inputs_of_cards
from leaderboard.site.inputs import code, digest, everything, of_board
from leaderboard.site.manifest import Files, Former
from leaderboard.site.markdown import prose_html
from leaderboard.site.result_pages import result_files
from leaderboard.site.templating import Renderer, data_path
from zoo.cards import index
from zoo.cards.card import Card

if TYPE_CHECKING:
    from evaluation.task import Task
    from leaderboard.articles.article import Article

_HERE = Path(__file__).parent


def is_current(out: Path, inputs: str) -> bool:
    """Whether `out` holds a site that was made from these inputs (`leaderboard.site.inputs.everything`), untouched."""
    return manifest.former(out).is_made_from(inputs)


def build(collection: Collection, out: Path, *, day: date | None = None, inputs: str | None = None) -> list[str]:
    """Write the site into `out`, whole or not at all; returns the faults that its pages do without.

    `day`, the date that its pages give as that of the build, is the newest result's where none is given. `inputs` is
    the hash of all inputs before `collection` was read: with it the next build takes over what did not change.

    Raises SiteError when `out` holds something that is not a site of ours, ResultFault when no result at all can be
    shown: an empty site does not replace an earlier one.
    """
    if not collection.entries:
        raise ResultFault("\n".join(collection.faults))
    out = out.absolute()
    if out.exists() and not _is_ours(out):
        raise SiteError(f"{out} exists and is not a site that this command made; name another folder with --out")
    made, faults = _pages(collection, day=day, former=manifest.former(out))
    # files that changed meanwhile may have been read before or after
    unchanged = inputs is not None and inputs == everything(collection.folders, day=day)
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.", suffix=".tmp"))
    try:
        files = {**made.found, manifest.NAME: made.manifest(inputs if unchanged and not faults else None).encode()}
        for folder in {(fresh / name).parent for name in files}:
            folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (fresh / name).write_bytes(data)
        fresh.chmod(0o755)  # mkdtemp makes private folders, which a web server of another user cannot read
        _swap(fresh, out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return faults


def pages(collection: Collection, *, day: date | None = None) -> tuple[dict[str, bytes], list[str]]:
    """All files of the site, path → bytes, and the faults of results and cards that are left out."""
    made, faults = _pages(collection, day=day, former=Former())
    return made.found, faults


def _pages(collection: Collection, *, day: date | None, former: Former) -> tuple[Files, list[str]]:
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
    files = Files(former)
    files.add(
        front_pages(
            render,
            found,
            boards=all_boards,
            cards=list(cards.values()),
            latest=latest,
            faults=_without_folders(faults, collection.folders),
        )
    )
    files.add(data_files(found, all_boards))
    for path in sorted((_HERE / "pages").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        title, _, prose = text.removeprefix("# ").partition("\n")
        files.add({f"{path.stem}.html": render("page.html.j2", title=title, prose=prose_html(prose, top=2))})
    for article in written:
        files.add(_article_files(render, article))
    frame = digest(code(), inputs_of_cards(), built, [*tasks], [(article.name, article.title) for article in written])
    _add_models(files, frame, render=render, cards=cards, made=all_boards, front=found)
    files.add({"search.html": search_page(render, cards, tasks.values(), written)})
    costs = found.table.costs
    for task in tasks.values():
        mine = [board for board in all_boards if board.task is task]
        inputs = digest(frame, [of_board(board) for board in mine], convergence.identity(task), sorted(costs.items()))
        files.add(shared_file(task))
        files.add_group(f"tasks/{task.name}", inputs, partial(_task_page, render, task, mine, costs=costs))
    for entry in collection.entries:
        files.add(_data(entry))
    files.add({f"static/{path.name}": path.read_bytes() for path in sorted((_HERE / "static").iterdir())})
    files.add_group("vega", code(), lambda: {"static/vega.js": _vega()})
    return files, faults


def _article_files(render: Renderer, article: Article) -> dict[str, str | bytes]:
    specs = {picture.key: picture.spec for picture in article.pictures}
    page = render("article.html.j2", article=article, charts={"specs": specs, "datasets": {}})
    return {f"{article.name}.html": page, **{f"data/{name}": data for name, data in article.downloads.items()}}


def _data(entry: Entry) -> dict[str, bytes]:
    """Its result, its records where they are here, and its sheet of pictures."""
    found = {data_path(entry, ".json"): entry.path.read_bytes()}
    if entry.has_records:
        found[data_path(entry, ".parquet")] = entry.records_path.read_bytes()
    if sheet := sample_sheet.current(entry):
        found[data_path(entry, ".svg")] = sheet
    return found


def _add_models(
    files: Files, frame: str, *, render: Renderer, cards: Mapping[str, Card], made: Sequence[Board], front: Front
) -> None:
    """A page for each card, and one for each of its results."""
    on_boards: dict[str, list[tuple[Board, Place]]] = {}
    for board in made:
        for part in board.by_theory:
            for place in part.places:
                on_boards.setdefault(place.entry.card.name, []).append((part, place))
    rows: dict[str, list[Row]] = {}
    for row in front.table.rows:
        rows.setdefault(row.card.name, []).append(row)
    of_boards = {(board.task.name, board.subset): of_board(board) for board in made}
    for name, card in sorted(cards.items()):
        mine, shown = rows.get(name, []), on_boards.get(name, [])
        safeties = [front.facts[row.name].safety for row in mine]
        on = sorted({of_boards[board.task.name, board.subset] for board, _ in shown})
        inputs = digest(frame, name, on, safeties)
        files.add_group(f"models/{name}", inputs, partial(_model_files, render, card, mine, shown, safeties))


def _model_files(
    render: Renderer,
    card: Card,
    rows: Sequence[Row],
    places: Sequence[tuple[Board, Place]],
    safeties: Sequence[PhononSafety],
) -> dict[str, str]:
    found = sections(places)
    files = {f"models/{card.name}.html": _model_page(render, card, found, rows, safeties)}
    for section in found:
        files |= result_files(render, section)
    return files


def _model_page(
    render: Renderer,
    card: Card,
    mine: Sequence[Section],
    rows: Sequence[Row],
    safeties: Sequence[PhononSafety],
) -> str:
    entries = [entry for row in rows for entry in row.entries]
    modes = {entry.name: entry.mode for entry in entries}
    contents: dict[str, list[Section]] = {}
    for section in mine:
        contents.setdefault(str(section.place.entry.mode), []).append(section)
    return render(
        "model.html.j2",
        root="../",
        card=card,
        known=index.names(),
        safeties=safeties,
        prose=prose_html(card.prose),
        sections=mine,
        contents=contents,
        constraints=[each for name in sorted(modes) for each in constraint_cards(card, modes[name], entries)],
    )


def _task_page(
    render: Renderer, task: Task, mine: Sequence[Board], *, costs: Mapping[str, RelativeCost]
) -> dict[str, str]:
    module = inspect.getmodule(type(task))
    prose = prose_html(inspect.getdoc(module) or "") if module else ""
    text = render(
        "task.html.j2",
        root="../",
        task=task,
        boards=mine,
        described={key: board_plots.describe(part) for key, part in _parts(mine)},
        charts={"specs": _plots(mine), "datasets": {}},
        prose=prose,
        costs=costs,
        convergence=convergence.tables(task),
    )
    return {f"tasks/{task.name}.html": text}


def _plots(all_boards: Sequence[Board]) -> dict[str, Spec]:
    plots = {key: board_plots.dot_plot(part) for key, part in _parts(all_boards)}
    return {key: plot for key, plot in plots.items() if plot is not None}


def _parts(all_boards: Sequence[Board]) -> Iterator[tuple[str, Board]]:
    """The boards by level of theory, each with its id on the page of its task."""
    for board in all_boards:
        for number, part in enumerate(board.by_theory, start=1):
            yield "-".join([board.task.name, board.subset, *([str(number)] if number > 1 else [])]), part


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
    return out.is_dir() and ((out / manifest.NAME).is_file() or not any(out.iterdir()))


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
