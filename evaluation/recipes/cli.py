"""The command about training: train."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evaluation.errors import EvaluationError, EvaluationFault, RunLocked, Unfinished
from zoo.errors import ZooError

if TYPE_CHECKING:
    from evaluation.recipes.training import Show


def train(
    names: Annotated[list[str] | None, typer.Argument(help="Checkpoints that have a recipe.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All, in order, but for what is finished or running.")] = False,
    folder: Annotated[Path, typer.Option(help="Of all trainings.")] = Path("build/training"),
    device: Annotated[str, typer.Option(help="cpu, or cuda; only one CPU thread is repeatable to the bit.")] = "cpu",
    minutes: Annotated[
        float | None, typer.Option(min=0.0, help="To learn for, each; then the state is stored, to be gone on with.")
    ] = None,
    ship: Annotated[
        bool, typer.Option("--ship", help="In a checkout: copy log, errors and weights to where they are kept.")
    ] = False,
) -> None:
    """Train a checkpoint of this project from its recipe. Killed or interrupted, the same command continues."""
    from evaluation.recipes import recipe, training
    from zoo.files import sha256

    chosen = recipe.in_order() if every else names or []
    if not chosen:
        raise typer.BadParameter(f"name a recipe, or give --all; there are: {', '.join(recipe.names())}")
    for name in chosen:  # a typo in the last name should not be found after hours
        recipe.load(name)
    faults = []
    for name in chosen:
        with _bar(name) as show:
            try:
                seconds = None if minutes is None else 60 * minutes
                made = training.train(name, folder, device=device, seconds=seconds, show=show)
            except Unfinished as pause:
                typer.echo(f"{name}: {pause}", err=True)
                continue
            except RunLocked as running:
                if every:  # two queues side by side share the work
                    continue
                faults.append(f"{name}: {running}")
                continue
            except (ZooError, EvaluationError) as error:
                faults.append(f"{name}: {type(error).__name__}: {error}")
                continue
        written = training.ship(made) if ship else [made.weights, made.config]
        for path in written:
            typer.echo(f"{path}\t{path.stat().st_size} bytes\tsha256 {sha256(path)}")
    if faults:
        raise EvaluationFault("\n".join(faults))


@contextlib.contextmanager
def _bar(name: str) -> Iterator[Show]:
    """A progress bar on a terminal, silence elsewhere."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda *_: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[now]}", markup=False),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task(name, total=None, now="")

        def show(now: str, done: int, total: int) -> None:
            progress.update(bar, completed=done, total=total)
            if now:
                progress.update(bar, now=now)

        yield show
