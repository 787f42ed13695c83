"""Commands about a submission: submit check."""

from __future__ import annotations

from typing import Annotated

import typer

from zoo.sandbox import options

app = typer.Typer(help="A new model on its way into the zoo.")


@app.callback()
def submit() -> None:
    """Look at a submission as it will be looked at."""


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="A card's name.")],
    *,
    run: Annotated[bool, typer.Option(help="Load the model and run every check.")] = True,
    sandbox: options.Sandbox = None,
    untrusted: options.Untrusted = False,
) -> None:
    """Card, sources, duplicates, then every check on the loaded model; says what to do. Exit code 1 if anything."""
    options.use(sandbox, untrusted=untrusted)
    from zoo.cards import index
    from zoo.errors import ZooError
    from zoo.submission import report as reports

    card = index.card(name)
    report = reports.Report(name)
    reports.look_at_card(report, card)
    if run:
        from zoo.checks.suite import check as run_checks
        from zoo.loading import load
        from zoo.progress import status

        try:
            with load(name, device="cpu", threads=1) as potential, status(f"{name}:") as say:
                say("loading")
                _ = potential.info  # a model that does not load has nothing to be checked
                found = run_checks(
                    potential,
                    card=potential.card,
                    forces=potential.mode.forces,
                    fidelity=potential.mode.fidelity,
                    rotation=card.rotation or "learned",
                    inversion=card.inversion or "learned",
                    dtype=potential.mode.dtype,
                    progress=say,
                )
            reports.add_conformance(report, card, found)
        except ZooError as error:
            report.wrong(f"it does not load: {error}", then=f"make zoo.load({name!r}) work; nothing else was checked")
    typer.echo(report.text())
    if not report.accepted:
        raise typer.Exit(1)
