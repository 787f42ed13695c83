"""Commands about the person's pins: pins, pins add, pins remove."""

from __future__ import annotations

import json as json_
import sys
from typing import Annotated

import typer

from zoo.console import print_table

app = typer.Typer(help="Your pins: what the checkpoints of cards that pin none were when you first loaded them.")

CardName = Annotated[str, typer.Argument(help="A card's name.")]


@app.callback(invoke_without_command=True)
def pins(
    context: typer.Context,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List your pins; 'add' and 'remove' change them."""
    if context.invoked_subcommand is not None:
        return
    from zoo import settings
    from zoo.checkpoints import user_pins

    path = settings.pins_file()
    known = dict(sorted(user_pins.read(path).items()))
    if json:
        entries = {name: {**pin.model_dump(mode="json"), "used": _use(name)} for name, pin in known.items()}
        sys.stdout.write(json_.dumps({"file": str(path), "pins": entries}, indent=1, ensure_ascii=False) + "\n")
        return
    if not known:
        typer.echo(f"{path} has no pins. Loading a model whose card pins none makes one.")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table("name", "pinned (UTC)", "used", "sha256", "commit", "place", title=Text(str(path)))
    for name, pin in known.items():
        hashes = "\n".join(f"{role} {file.sha256}" for role, file in pin.files.items())
        table.add_row(*map(Text, (name, pin.day, _use(name), hashes, pin.revision or "-", str(pin.place))))
    print_table(table)


@app.command()
def add(
    name: CardName,
    *,
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit of the Hub repository; else the card's, or main.")
    ] = None,
) -> None:
    """Pin what a card's place has now, and fetch it, without loading it."""
    from zoo import settings
    from zoo.cards import index
    from zoo.checkpoints import first_use, user_pins
    from zoo.errors import PinsError
    from zoo.progress import status

    card, path = index.card(name), settings.pins_file()
    if known := user_pins.read(path).get(name):
        raise PinsError(f"{path} has pinned {name} on {known.day}; 'mlip-zoo pins remove {name}' forgets that")
    with status(f"{name}:") as say:
        first_use.pin_now(card, revision=revision, say=say)


@app.command()
def remove(names: Annotated[list[str], typer.Argument(help="Cards' names.")]) -> None:
    """Forget pins: the next load of such a model pins what is at its place then."""
    from zoo import settings
    from zoo.checkpoints import user_pins

    for name in names:
        gone = user_pins.remove(settings.pins_file(), name)
        typer.echo(f"{name}: {', '.join(file.sha256 for file in gone.files.values())} forgotten")


def _use(name: str) -> str:
    from zoo.cards import index
    from zoo.errors import CardError, UnknownModel

    try:
        card = index.card(name)
    except UnknownModel:
        return "no, no such card"
    except CardError:
        return "no, its card is not valid"
    return "no, its card has pins" if card.checkpoint.pinned else "yes"
