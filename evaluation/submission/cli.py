"""Commands about a submission: submit check, submit changes, submit take, owed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evaluation.submission.limits import CHEAP, SECONDS
from zoo.sandbox import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evaluation.submission.looked import Canary
    from evaluation.submission.owed import Owed
    from zoo.checks.finding import Conformance

app = typer.Typer()
"""Commands of `mlip-zoo submit`."""
owed_app = typer.Typer()

Tasks = Annotated[
    list[str] | None,
    typer.Option("--task", help=f"Run the canary of this task, instead of {', '.join(CHEAP)}; may be given again."),
]


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="A card's name.")],
    *,
    run: Annotated[bool, typer.Option(help="Load the model: every check, conversion, a canary per task.")] = True,
    task: Tasks = None,
    out: Annotated[Path | None, typer.Option(help="Also write everything as JSON, for 'submit report'.")] = None,
    seconds: Annotated[float, typer.Option(help="Limit of each task's canary.", min=1)] = SECONDS,
    sandbox: options.Sandbox = None,
    untrusted: options.Untrusted = False,
) -> None:
    """Do what CI does: card, sources, duplicates, checks, conversion, canaries; say what to do. Exit code 1 if any."""
    options.use(sandbox, untrusted=untrusted)
    from evaluation.submission.check import look_at_model
    from evaluation.submission.looked import Looked
    from zoo.cards import index
    from zoo.checks.commit import commit
    from zoo.progress import status
    from zoo.submission import report as reports

    card = index.card(name)
    report = reports.Report(name)
    reports.look_at_card(report, card)
    found: Conformance | None = None
    ran: list[Canary] = []
    if run:
        with status(f"{name}:") as say, tempfile.TemporaryDirectory() as folder:
            names = task or CHEAP
            found, ran = look_at_model(report, card, runs=Path(folder), names=names, seconds=seconds, say=say)
    if out:
        Looked(
            name=name,
            commit=commit(),
            lines=tuple(report.lines),
            to_do=tuple(report.to_do),
            conformance=found,
            canaries=tuple(ran),
        ).write(out)
    typer.echo(report.text())
    if not report.accepted:
        raise typer.Exit(1)


@app.command()
def changes(
    paths: Annotated[Path, typer.Argument(help="File with the changed paths, one a line ('git diff --name-only').")],
) -> None:
    """Print the cards that a pull request changes, and one of each family whose adapter it changes.

    Exit code 1 where it holds what only machines write, or what no lane would look at.
    """
    from zoo.cards import index
    from zoo.submission.changes import cards_of, cards_of_adapters, misplaced, written_by_machines

    changed = paths.read_text(encoding="utf-8").splitlines()
    machines, lost = written_by_machines(changed), misplaced(changed)
    for found, told in (
        (machines, "Take these out: the main branch's own lanes write them, from runs of its own."),
        (lost, "Take these out: model_cards/ holds NAME.md, canaries/NAME.json and canaries/NAME.py, in lower case."),
    ):
        if found:
            typer.echo("\n".join([*found, told]), err=True)
    if machines or lost:
        raise typer.Exit(1)
    names = cards_of(changed)
    families = {card.family for card in index.survey().cards if card.name in names}
    adapters = [card for card in index.survey().cards if card.family not in families]
    for name in sorted({*names, *cards_of_adapters(changed, adapters)}):
        typer.echo(name)


@app.command()
def take(
    folder: Annotated[Path, typer.Argument(help="Checkout of the pull request.")],
    paths: Annotated[Path, typer.Argument(help="File with the changed paths, one a line.")],
    *,
    into: Annotated[Path, typer.Option(help="Checkout that gets them.")] = Path(),
) -> None:
    """Copy the changed cards, canaries and adapters out of a checkout, and nothing else of it."""
    from zoo.submission.taking import take as copy

    for path in copy(folder, paths.read_text(encoding="utf-8").splitlines(), into=into):
        typer.echo(str(path))


@owed_app.command()
def owed(
    names: Annotated[list[str] | None, typer.Argument(help="Cards; all of them when none is named.")] = None,
    *,
    results: Annotated[
        Path, typer.Option(help="Folder of results that are there already.", show_default="the published ones")
    ] = Path("leaderboard/results"),
    run: Annotated[bool, typer.Option("--run", help="Run all of it; the results are in 'results' in --runs.")] = False,
    runs: Annotated[Path, typer.Option(help="Folder of records, for --run.")] = Path("mlip-zoo-runs"),
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1; for --run.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    sandbox: options.Sandbox = None,
    untrusted: options.Untrusted = False,
) -> None:
    """List what has to run, or run again: a new task, protocol, dataset, checkpoint or mode; with the command."""
    options.use(sandbox, untrusted=untrusted)
    from dataclasses import asdict

    from evaluation.submission.owed import owed as find
    from zoo.cards import index
    from zoo.console import print_table
    from zoo.files import json_text

    chosen = [index.card(name) for name in names] if names else index.cards()
    found = find(chosen, results)
    if run:
        _run(found, runs, device)
        return
    if json:
        typer.echo(json_text([asdict(each) for each in found]), nl=False)
        return
    from rich.table import Table

    table = Table("entry", "task", "subset", "why", title=f"{len(found)} evaluations are owed")
    for each in found:
        table.add_row(each.entry, each.task, each.subset, each.why)
    print_table(table)
    if found:
        first = found[0]
        command = f"mlip-zoo evaluate {first.entry} --task {first.task} --subset {first.subset}"
        typer.echo(f"'{command}' runs the first of them.", err=True)


def _run(found: Sequence[Owed], runs: Path, device: str) -> None:
    """Run everything; what fails stops nothing else, and is told in the end."""
    from evaluation.errors import EvaluationError, EvaluationFault
    from evaluation.executors.cli import evaluate
    from zoo.errors import ZooError

    faults = []
    for each in found:
        try:
            evaluate([each.entry], task=each.task, subset=each.subset, device=device, threads=1, runs=runs)
        except (EvaluationError, ZooError) as error:
            faults.append(f"{each.task}: {error}")
    if faults:
        raise EvaluationFault("\n".join(faults))
