"""The command that says what a run will cost: plan."""

from __future__ import annotations

import json as json_
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evaluation.subset import SUBSETS, Subset
from zoo.console import print_table

if TYPE_CHECKING:
    from leaderboard.planning.forecast import Forecast

app = typer.Typer()


@app.command()
def plan(
    names: Annotated[list[str], typer.Argument(help="Models, NAME or NAME@MODE.")],
    *,
    task: Annotated[
        list[str] | None, typer.Option(help="A task; may be given several times. All when none is.")
    ] = None,
    subset: Annotated[str, typer.Option(help=f"{', '.join(SUBSETS)}.")] = "fast",
    device: Annotated[
        str, typer.Option(help="cpu, or an accelerator as results name it; cuda: the one that most is known of.")
    ] = "cpu",
    workers: Annotated[int, typer.Option(help="Workers side by side, a device each.", min=1)] = 1,
    results: Annotated[
        list[Path] | None,
        typer.Option(
            "--results",
            help="Folder of results to learn from, instead of the published ones and mlip-zoo-runs/results.",
            show_default=False,
        ),
    ] = None,
    price: Annotated[
        float | None, typer.Option(help="Dollars for an hour of one accelerator.", min=0, show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Say what a run will cost before it starts, and what earlier runs that is known from."""
    if subset not in SUBSETS:
        raise typer.BadParameter(f"{subset!r} is not one of {', '.join(SUBSETS)}", param_hint="--subset")
    chosen: Subset = subset
    from evaluation import task as tasks
    from leaderboard.planning.expectation import expect, on_disk

    found = expect(names, task or tasks.names(), chosen, device=device, workers=workers, folders=results)
    disk = on_disk(names)
    if json:
        told = [_as_json(each) | {"dollars": _dollars(each, price)} for each in found]
        sys.stdout.write(json_.dumps({"runs": told, "checkpoint_bytes": disk}, indent=1) + "\n")
        return
    _show(found, workers=workers, price=price)
    missing = {name: size for name, size in disk.items() if size != 0}
    for name, size in missing.items():
        typer.echo(f"{name}: its checkpoint has to be fetched, {_size(size)}; so has its environment where it is new.")


def _show(found: list[Forecast], *, workers: int, price: float | None) -> None:
    from rich.table import Table
    from rich.text import Text

    hours = "hours" if workers == 1 else f"hours, {workers} workers"
    dollars = [] if price is None else ["dollars"]
    figures = ["samples", "atoms × steps", hours, "GPU-hours", *dollars, "records (MB)"]
    table = Table("entry", "task", *figures, "known from")
    for column in table.columns[2:-1]:
        column.justify = "right"
    for each in found:
        table.add_row(
            each.work.entry,
            each.work.task,
            "-" if each.n is None else f"{each.n:,}",
            _figure(each.atoms),
            _figure(each.wall_seconds, 3600),
            _figure(each.gpu_hours),
            *(_figure(_dollars(each, price)) for _ in dollars),
            _figure(each.record_bytes, 1e6),
            Text("; ".join(each.basis)),
        )
    wall = [each.wall_seconds for each in found]
    if len(found) > 1 and None not in wall:
        table.add_section()
        paid = [[_dollars(each, price) for each in found]] if dollars else []
        sums = (
            _sum([each.atoms for each in found]),
            _sum(wall),
            _sum([each.gpu_hours for each in found]),
            *map(_sum, paid),
            _sum([each.record_bytes for each in found]),
        )
        units = (1.0, 3600.0, 1.0, *(1.0 for _ in paid), 1e6)
        table.add_row("together", "", "", *(_figure(value, unit) for value, unit in zip(sums, units, strict=True)), "")
    print_table(table)


def _dollars(each: Forecast, price: float | None) -> float | None:
    return None if price is None or each.gpu_hours is None else each.gpu_hours * price


def _sum(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _figure(value: float | None, unit: float = 1.0) -> str:
    if value is None:
        return "-"
    scaled = value / unit
    return f"{scaled:,.0f}" if scaled >= 100 else f"{scaled:.2g}"


def _size(bytes_: int | None) -> str:
    return "of a size that its card does not say" if bytes_ is None else f"{bytes_ / 1e6:.1f} MB"


def _as_json(each: Forecast) -> dict[str, object]:
    return {
        "entry": each.work.entry,
        "task": each.work.task,
        "subset": each.work.subset,
        "device": each.work.device,
        "workers": each.work.workers,
        "samples": each.n,
        "atoms": each.atoms,
        "model_seconds": each.model_seconds,
        "device_seconds": each.device_seconds,
        "wall_seconds": each.wall_seconds,
        "gpu_hours": each.gpu_hours,
        "record_bytes": each.record_bytes,
        "basis": list(each.basis),
    }
