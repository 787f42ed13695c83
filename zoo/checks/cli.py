"""Commands that check a model: check, canary."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from zoo.console import print_table
from zoo.files import json_text
from zoo.sandbox import options

app = typer.Typer()


@app.command()
def check(
    name: str,
    *,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1")] = "auto",
    time_limit: Annotated[float, typer.Option(help="Seconds after which a call counts as hung.")] = 600.0,
    record: Annotated[
        bool, typer.Option("--record", help="Write what passed beside the card: that makes it verified.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    sandbox: options.Sandbox = None,
    untrusted: options.Untrusted = False,
) -> None:
    """Check that a model keeps the contract and its card is true: gradients, symmetries, batches, claims, its canary.

    Exit code 1 if not.
    """
    options.use(sandbox, untrusted=untrusted)
    from zoo.checks.suite import check as run_checks
    from zoo.checks.suite import table
    from zoo.loading import load
    from zoo.progress import status

    potential = load(name, device=device, threads=1, batch_time_limit=time_limit)
    with potential, status(f"{potential.name}:") as say:
        report = run_checks(
            potential,
            card=potential.card,
            forces=potential.mode.forces,
            fidelity=potential.mode.fidelity,
            averaging=potential.mode.averaging,
            rotation=potential.card.rotation or "learned",  # without a claim it is measured, and not demanded
            inversion=potential.card.inversion or "learned",
            dtype=potential.mode.dtype,
            time_limit=time_limit,
            progress=say,
        )
        device_name = (potential.info.get("accelerator") or potential.info["device"]) if report.passed else ""
    if json:
        sys.stdout.write(report.to_json())
    else:
        print_table(table(report))
    if not report.passed:
        raise typer.Exit(1)
    if record:
        from zoo.checks.record import record as write_record

        file = write_record(potential.card.name, potential.mode, report, device=device_name)
        typer.echo(f"Recorded in {file}.", err=True)


@app.command()
def canary(
    name: Annotated[str, typer.Argument(help="A card's name.")],
    *,
    with_: Annotated[
        Path, typer.Option("--with", help="Script with a PEP 723 header and 'calculator(files)', the authors' own.")
    ],
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    sandbox: options.Sandbox = None,
    untrusted: options.Untrusted = False,
) -> None:
    """Compute crystals with the authors' own calculator, in a sandbox, and keep the answers beside the card."""
    options.use(sandbox, untrusted=untrusted)
    from zoo.cards import authors as answers_file
    from zoo.cards import index
    from zoo.checks import authors
    from zoo.progress import status

    with status(f"{name}:") as say:
        found, script = authors.answers(index.card(name), with_, say=say)
    file = answers_file.write(index.path(name), found, script)
    if json:
        sys.stdout.write(json_text(found.model_dump(mode="json")))
    else:
        from rich.table import Table

        table = Table("crystal", "energy (eV/atom)", "largest force (eV/Å)", "pressure (GPa)")
        for crystal, answer in found.answers.items():
            pressure = "-" if answer.pressure_gpa is None else f"{answer.pressure_gpa:.3f}"
            table.add_row(
                crystal, f"{answer.energy_ev_per_atom:.4f}", f"{answer.max_force_ev_per_angstrom:.4f}", pressure
            )
        print_table(table)
    typer.echo(
        f"Written to {file}, with the script beside it. 'mlip-zoo check {name}' compares the zoo's own.", err=True
    )
