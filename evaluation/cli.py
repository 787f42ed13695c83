"""Commands about running and scoring: train, evaluate, merge, status, rescore, score, export, datasets."""

from __future__ import annotations

import json as json_
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from evaluation.errors import DatasetUnavailable, EvaluationError
from evaluation.executors.cli import Runs, evaluate, merge
from evaluation.recipes.cli import train
from evaluation.subset import SUBSETS
from zoo.console import plain, print_table

app = typer.Typer()
export_app = typer.Typer(no_args_is_help=True, help="Stored records in the layout of other people's leaderboards.")
score_app = typer.Typer(no_args_is_help=True, help="Score predictions that were made elsewhere; no model runs.")
app.command()(train)
app.command()(evaluate)
app.command()(merge)
app.add_typer(score_app, name="score")
app.add_typer(export_app, name="export")


@app.command()
def status(
    *,
    runs: Runs = Path("mlip-zoo-runs"),
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show what has run, how far it is, and whether something is running now."""
    from evaluation.harness.status import read_status

    rows = read_status(runs)
    if json:
        sys.stdout.write(json_.dumps([row.model_dump(mode="json") for row in rows], indent=1) + "\n")
        return
    from rich.table import Table
    from rich.text import Text

    if not rows:
        typer.echo(f"No runs in {runs}. 'mlip-zoo evaluate NAME' makes one.")
        return
    table = Table("task", "entry", *SUBSETS, "failed", "running", "last record (UTC)", title=f"Runs in {runs}")
    for row in rows:
        tiers = [_so_far(row.stored[tier], row.total[tier]) for tier in SUBSETS]
        running = "yes" if row.running else "no"
        table.add_row(Text(plain(row.task)), Text(plain(row.entry)), *tiers, str(row.failed), running, row.last or "-")
    print_table(table)


def _so_far(stored: int, total: int | None) -> str:
    if total is None:
        return f"{stored}/?" if stored else "-"
    return f"{stored}/{total}"


@app.command()
def rescore(
    task: Annotated[str | None, typer.Argument(help="Only this task.", show_default=False)] = None,
    *,
    results: Annotated[
        Path, typer.Option(help="Folder of results, or of runs that has one; 'leaderboard/results' are the published.")
    ] = Path("mlip-zoo-runs"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and write nothing.")] = False,
) -> None:
    """Compute scores from stored records once more, with no model, and write those that changed."""
    from evaluation.harness.rescore import find_results
    from evaluation.harness.rescore import rescore as score_again

    faults: dict[str, list[str]] = {}
    for path in find_results(results, task=task):
        try:
            done = score_again(path)
        except EvaluationError as error:
            faults.setdefault(str(error), []).append(f"{path.parent.name}/{path.stem}")
            continue
        if done.changed and not dry_run:
            done.write()
        what = f"{'would change' if dry_run else 'changed'}: {', '.join(done.moved)}" if done.changed else "unchanged"
        typer.echo(f"{done.old.run.task}/{done.old.run.entry}: {what}")
    if faults:
        told = (f"{', '.join(names)}: {fault}" for fault, names in faults.items())
        raise EvaluationError("not scored again:\n" + "\n".join(told))


@score_app.command("discovery")
def score_discovery(
    predictions: Annotated[
        Path, typer.Option(help="CSV or Parquet: material_id and e_form… (eV/atom) or energy (eV).")
    ],
    *,
    labels: Annotated[
        Path | None, typer.Option(help="WBM's summary table, when you have it; else it is fetched.", show_default=False)
    ] = None,
    column: Annotated[str | None, typer.Option(help="Column of the predictions.", show_default=False)] = None,
    biased_sample: Annotated[
        bool, typer.Option("--biased-sample", help="Check the scorer on labels that are no fair sample of WBM.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Find the stable crystals of WBM, as Matbench Discovery counts: F1, DAF and the rest."""
    from evaluation.exchange.matbench_scoring import BIASED
    from evaluation.exchange.matbench_scoring import score_discovery as score

    if biased_sample:
        typer.echo(BIASED, err=True)
    try:
        found = score(predictions, labels=labels, column=column, biased_sample=biased_sample)
    except DatasetUnavailable as error:
        if biased_sample:
            raise
        told = f"{error}\n'--labels FILE' reads WBM's summary table from wherever you have it."
        raise DatasetUnavailable(told, dataset=error.dataset) from error
    if json:
        note = {"note": BIASED} if biased_sample else {}
        sys.stdout.write(json_.dumps(note | {name: asdict(scores) for name, scores in found.items()}, indent=1) + "\n")
        return
    from rich.table import Table

    table = Table("", *found, title=f"Discovery, {predictions.name}")
    for name in next(iter(found.values())).scores:
        numbers = (scores.scores[name] for scores in found.values())
        table.add_row(name, *("-" if number is None else f"{number:.6g}" for number in numbers))
    for name in ("n", "missing", "diverged", "prevalence"):
        table.add_row(name, *(f"{getattr(scores, name):.6g}" for scores in found.values()))
    print_table(table)


@export_app.command("matbench-discovery")
def export_matbench_discovery(
    name: Annotated[str, typer.Argument(help="A model, NAME or NAME@MODE.")],
    *,
    results: Annotated[
        Path, typer.Option(help="Folder of results, or of runs that has one; 'leaderboard/results' are the published.")
    ] = Path("mlip-zoo-runs"),
    out: Annotated[Path, typer.Option(help="Folder that gets 'models/FAMILY/…'.")] = Path("matbench-discovery"),
    partial: Annotated[
        bool, typer.Option("--partial", help="Write what is there, when it is no whole submission.")
    ] = False,
) -> None:
    """Write a model's predictions and its YAML as Matbench Discovery takes them."""
    from evaluation.exchange.matbench_export import BY_HAND, export
    from zoo.cards import index

    card, mode = index.resolve(name)
    inner = results / "results"
    for path in export(card, mode, results=inner if inner.is_dir() else results, out=out, partial=partial):
        typer.echo(str(path))
    typer.echo(f"To be added to the YAML by hand: {'; '.join(BY_HAND)}.")


@app.command()
def datasets(
    names: Annotated[list[str] | None, typer.Argument(help="Data sets; all of them when none is named.")] = None,
    *,
    fetch: Annotated[bool, typer.Option("--fetch", help="Bring what is not here.")] = False,
    mirror: Annotated[
        Path | None,
        typer.Option(
            help="Bring them, and copy them into this folder for a machine without a network.", show_default=False
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List reference data: licence, theory, size, and whether they are on this machine."""
    from evaluation.reference import dataset
    from evaluation.reference.inventory import bring, look

    chosen = names or dataset.names()
    for name in chosen:  # a typo in the last name should not be found after downloads
        dataset.load(name)
    faults = bring(chosen, mirror=mirror, say=lambda text: typer.echo(text, err=True)) if fetch or mirror else []
    rows = [look(name) for name in chosen]
    if json:
        sys.stdout.write(json_.dumps([asdict(row) for row in rows], indent=1) + "\n")
    else:
        from rich.table import Table

        table = Table("data set", "here", "MB", "samples", "theory", "licence", title="Reference data")
        for row in rows:
            size = f"{row.bytes / 1e6:.1f}" if row.bytes else "-"
            table.add_row(row.name, row.here, size, str(row.n), row.theory, row.licence)
        print_table(table)
    if faults:
        raise EvaluationError("not brought here:\n" + "\n".join(faults))
