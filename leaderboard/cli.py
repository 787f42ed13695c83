"""Commands about results: board, pictures, diff, report, push, publish, records, site build, site serve."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leaderboard.errors import MissingExtra, NoResults, PublishError, SiteError
from zoo.console import print_error

if TYPE_CHECKING:
    from leaderboard.ranking.collect import Collection, Entry

app = typer.Typer()
site_app = typer.Typer(no_args_is_help=True, help="The board as a folder of static pages.")
"""The commands of `mlip-zoo site`."""

_EXTRA = frozenset({"altair", "jinja2", "markdown_it", "markupsafe", "pandas", "pyarrow", "vl_convert"})
"""What `pip install 'mlip-zoo[leaderboard]'` brings."""

Results = Annotated[
    list[Path] | None,
    typer.Option(
        "--results",
        help="Folder of results, instead of the published ones and mlip-zoo-runs/results; may be given several times, "
        "and where two hold the same entry the later one counts.",
        show_default=False,
    ),
]


@app.command()
def board(
    results: Results = None,
    task: Annotated[
        str | None, typer.Option(help="The boards of this task, with ranks and every metric.", show_default=False)
    ] = None,
    common: Annotated[
        list[str] | None,
        typer.Option(
            "--common",
            help="A model, NAME or NAME@MODE; given several times, the board has these alone, on the samples that "
            "all of them support.",
            show_default=False,
        ),
    ] = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Print the table across tasks, or the boards of one task."""
    with _extra():
        from leaderboard.ranking.board import boards
        from leaderboard.ranking.export import to_json

        collection = _collect(results, task)
        found = boards(_common(collection.entries, common) if common else collection.entries)
        if json:
            typer.echo(to_json(found), nl=False)
        elif found:
            from rich.console import Console

            from leaderboard.ranking.overview import overview
            from leaderboard.terminal import board as one_task
            from leaderboard.terminal import overview as across

            console = Console(highlight=False)
            if task or common:
                one_task.show(found, collection.folders, console)
            else:
                across.show(overview(collection.entries, found), collection.folders, console)
            if common:
                typer.echo(f"Every sample here is supported by all of: {', '.join(common)}.")
    _end(collection.faults)


def _common(entries: tuple[Entry, ...], names: list[str]) -> list[Entry]:
    from leaderboard.ranking.common_samples import on_common_samples
    from zoo.cards import index

    return on_common_samples(entries, {index.entry_name(*index.resolve(name)) for name in names})


@app.command()
def pictures(
    names: Annotated[
        list[str] | None, typer.Argument(help="Models, NAME or NAME@MODE; all of them when none is named.")
    ] = None,
    *,
    results: Annotated[
        Path, typer.Option(help="Folder of results, or of runs that has one; the pictures are written into it.")
    ] = Path("mlip-zoo-runs"),
    task: Annotated[str | None, typer.Option(help="Only this task.", show_default=False)] = None,
) -> None:
    """Draw the samples of results as one SVG each, beside their records: bands, curves, traces, parity."""
    from zoo.cards import index

    wanted = {index.entry_name(*index.resolve(name)) for name in names or ()}
    inner = results / "results"
    with _extra():
        from leaderboard.site import sample_sheet as sheets

        collection = _collect([inner if inner.is_dir() else results], task)
        entries = [entry for entry in collection.entries if not wanted or entry.name in wanted]
        if missing := wanted - {entry.name for entry in entries}:
            raise NoResults(f"no results of {', '.join(sorted(missing))} in {results}")
        for entry in entries:
            path = sheets.write(entry)
            typer.echo(str(path) if path else f"{entry.task.name}/{entry.name}: nothing to draw{_why(entry)}")
    _end(collection.faults)


def _why(entry: Entry) -> str:
    if entry.stale:
        return f", made under another {', '.join(entry.stale)}"
    return f"; {entry.caveat}" if entry.caveat else ""


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="Folder of results, or one result.")],
    new: Annotated[Path, typer.Argument(help="What it is compared with.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show which scores differ between two sets of results, and by how much against their intervals."""
    from leaderboard.ranking.diff import as_json, compare, show
    from zoo.files import json_text

    found = compare(old, new)
    if json:
        typer.echo(json_text(as_json(found)), nl=False)
        return
    from rich.console import Console

    show(found, Console(highlight=False))


@app.command()
def report(
    name: Annotated[str, typer.Argument(help="An entry, NAME or NAME@MODE.")],
    results: Results = None,
    *,
    html: Annotated[bool, typer.Option("--html", help="Write a page that stands alone, with every picture.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="The page's file; NAME@MODE.html when not given.", show_default=False)
    ] = None,
) -> None:
    """Show one entry: its claims confirmed, refuted or untested, its scores, its costs."""
    from leaderboard.ranking.collect import default_folders

    if out and not html:
        raise typer.BadParameter("--out is the file of the page; give --html as well", param_hint="--out")
    with _extra():
        from leaderboard.site import report as reports
        from zoo.files import write_text

        found = reports.report(name, results or default_folders())
        if html:
            path = out or Path(f"{found.name}.html")
            write_text(path, reports.html(found))
            typer.echo(f"{path} written; it needs no other file.")
        else:
            from rich.console import Console

            from leaderboard.terminal.report import show

            show(found, Console(highlight=False))
    _end(found.faults)


@app.command()
def push(
    name: Annotated[str, typer.Argument(help="A model of the zoo.")],
    repo: Annotated[str, typer.Option(help="ORGANISATION/NAME on the Hugging Face Hub; made when it is not there.")],
    results: Results = None,
    benchmark: Annotated[
        str | None,
        typer.Option(help="Hub data set that collects the scores, as ORGANISATION/NAME.", show_default=False),
    ] = None,
    *,
    private: Annotated[bool, typer.Option("--private", help="Make the repository private.")] = False,
) -> None:
    """Publish a model's safetensors, card and results on the Hugging Face Hub, in one commit."""
    from leaderboard.publish import push as publish
    from zoo.cards import index
    from zoo.progress import status

    card = index.card(name)
    with _extra():
        collection = _collect(results, None)
    mine = [entry.result for entry in collection.entries if entry.card.name == name and not entry.stale]
    with status(f"{name}:") as say:
        done = publish(card, repo, results=mine, benchmark=benchmark, private=private, say=say)
    typer.echo(
        f"{done.repository} at {done.revision}. To load from there, add to {name}.md, under checkpoint.safetensors:"
    )
    for role, source in done.sources.items():
        typer.echo(f"  {role}.sources: [{{hub: {source.hub}, revision: {source.revision}, file: {source.file}}}]")
    _end(collection.faults)


@app.command()
def publish(
    repo: Annotated[str, typer.Argument(help="ORGANISATION/NAME of a dataset on the Hugging Face Hub.")],
    results: Annotated[
        Path | None, typer.Option(help="Folder of results with their records.", show_default="the published ones")
    ] = None,
    *,
    private: Annotated[bool, typer.Option("--private", help="Make the dataset private.")] = False,
) -> None:
    """Publish results and their records as a dataset on the Hugging Face Hub, in one commit."""
    from evaluation.harness.rescore import find_results
    from zoo.progress import status

    with _extra():
        from leaderboard import archive
        from leaderboard.ranking.collect import PUBLISHED
    with status("publish:") as say:
        commit = archive.publish(_of_tasks(find_results(results or PUBLISHED)), repo, private=private, say=say)
    typer.echo(f"{repo} at {commit}")


@app.command()
def records(
    source: Annotated[str, typer.Option("--from", help="ORGANISATION/NAME of a dataset that 'publish' wrote.")],
    task: Annotated[str | None, typer.Argument(help="Only this task.", show_default=False)] = None,
    results: Annotated[
        Path | None, typer.Option(help="Folder of published results.", show_default="the installed ones")
    ] = None,
    revision: Annotated[str, typer.Option(help="A branch, tag or commit.")] = "main",
) -> None:
    """Fetch records of published results where they are missing, verified by hash; then 'rescore' works there."""
    from evaluation.harness.rescore import find_results
    from zoo.progress import status

    with _extra():
        from leaderboard import archive
        from leaderboard.ranking.collect import PUBLISHED
    faults, brought = [], 0
    with status("records:") as say:
        for path in _of_tasks(find_results(results or PUBLISHED, task=task)):
            try:
                brought += archive.bring(path, source, revision=revision, say=say)
            except PublishError as fault:
                faults.append(str(fault))
    typer.echo(f"{brought} brought")
    _end(faults)


def _of_tasks(found: list[Path]) -> list[Path]:
    """Without what studies and benchmarks left beside results."""
    from evaluation import task as tasks

    return [path for path in found if path.parent.name in tasks.names()]


@site_app.command("build")
def site_build(
    results: Results = None,
    out: Annotated[Path, typer.Option(help="Folder to write; an earlier site there is replaced.")] = Path("site"),
) -> None:
    """Write the board, a page per model and the data as static pages."""
    with _extra():
        from leaderboard.ranking.collect import default_folders
        from leaderboard.site.build import build, is_current
        from leaderboard.site.inputs import everything

        day = datetime.now(UTC).date()
        inputs = everything(results or default_folders(), day=day)
        if is_current(out, inputs):
            typer.echo(f"{out / 'index.html'} is current: nothing that it is made from has changed.")
            return
        faults = build(_collect(results, None), out, day=day, inputs=inputs)
    typer.echo(f"{out / 'index.html'} written; 'mlip-zoo site serve --out {out}' shows it.")
    _end(faults)


@site_app.command("serve")
def site_serve(
    out: Annotated[Path, typer.Option(help="Folder that 'mlip-zoo site build' wrote.")] = Path("site"),
    port: Annotated[int, typer.Option(help="Port on this machine; 0 takes a free one.", min=0, max=65535)] = 8000,
) -> None:
    """Show the site in a browser on this machine; no other machine can reach it."""
    from leaderboard.site.server import server

    if not (out / "index.html").is_file():
        raise SiteError(f"{out} holds no site; 'mlip-zoo site build --out {out}' writes one")
    with server(out, port=port) as running:
        typer.echo(f"http://127.0.0.1:{running.server_port}/ (Ctrl-C stops)")
        with contextlib.suppress(KeyboardInterrupt):
            running.serve_forever()


def _collect(results: list[Path] | None, task: str | None) -> Collection:
    from leaderboard.ranking.collect import collect, default_folders

    return collect(results or default_folders(), task=task)


def _end(faults: tuple[str, ...] | list[str]) -> None:
    """After everything else was shown: what could not be, and an exit code that a script notices."""
    if faults:
        print_error("Left out:\n" + "\n".join(faults))
        raise typer.Exit(1)


@contextlib.contextmanager
def _extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise MissingExtra(
            f"{error.name} is not installed; the board needs it: pip install 'mlip-zoo[leaderboard]'"
        ) from None
