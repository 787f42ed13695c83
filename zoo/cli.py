"""Commands about models: list, show, convert, fetch, pin, environments."""

from __future__ import annotations

import contextlib
import json as json_
import sys
from collections import Counter
from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from zoo.adapters import families
from zoo.cards import index
from zoo.console import print_table
from zoo.errors import ZooError
from zoo.sandbox import options
from zoo.settings import pins_file

if TYPE_CHECKING:
    from rich.table import Table

    from zoo.cards.card import Card
    from zoo.cards.checkpoint import PinnedFile
    from zoo.checkpoints.convert import Conversion

app = typer.Typer()

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1")]


@app.command("list")
def list_(*, json: Json = False) -> None:
    """List all models."""
    cards, users = index.cards(), _user_pins()
    if json:
        _print_json([_summary(card, users) for card in cards])
        return
    print_table(_list_table(cards, users))


@app.command()
def show(name: str, *, json: Json = False) -> None:
    """Show one model's card."""
    card, users = index.card(name), _user_pins()
    if json:
        states = _states(card, users)
        known = card.model_dump(mode="json")
        _print_json({**known, **states, "theory": card.theory(), "entry": _default_entry(card)})
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    console.print(_facts_table(card, users))
    console.print(Markdown(card.prose))


@app.command()
def convert(
    name: str,
    *,
    out: Annotated[Path, typer.Option(help="Folder for model.safetensors and config.json.")] = Path(),
    json: Json = False,
    sandbox: options.Sandbox = None,
    untrusted: options.Untrusted = False,
) -> None:
    """Convert a model's upstream checkpoint to safetensors, and compare the two bit by bit."""
    options.use(sandbox, untrusted=untrusted)
    from dataclasses import asdict

    from rich.console import Console

    from zoo.checkpoints import first_use
    from zoo.checkpoints.convert import convert as run_conversion
    from zoo.progress import status
    from zoo.runtime.environment import find

    card = index.card(name)
    with status(f"{card.name}:") as say:
        family = find(card.family)
        card = first_use.pinned(card, say=say)
        family.ensure(say=say)
        done = run_conversion(card, out / card.name, say=say)
    kept = _kept(card, done)
    if json:
        _print_json({**asdict(done), "weights": str(done.weights), "config": str(done.config), "exact": done.exact})
    else:
        console = Console(highlight=False, soft_wrap=True)
        console.print(f"{done.weights}\n  sha256 {done.weights_sha256}\n{done.config}\n  sha256 {done.config_sha256}")
        different = len(done.different_tensors)
        console.print(
            f"{done.tensors - different} of {done.tensors} tensors equal bit by bit; on {', '.join(done.crystals)}: "
            f"largest difference {done.energy_difference:g} eV, {done.force_difference:g} eV/Å"
        )
        console.print(kept)
    if not done.exact:
        raise typer.Exit(1)


@app.command()
def fetch(
    name: str,
    *,
    mirror: Annotated[
        Path | None, typer.Option(help="Also put the files into this folder, for machines without a network.")
    ] = None,
    sandbox: options.Sandbox = None,
    untrusted: options.Untrusted = False,
) -> None:
    """Bring a model's checkpoint to this machine, verified, so that loading needs no network."""
    options.use(sandbox, untrusted=untrusted)
    from rich.console import Console

    from zoo.checkpoints import cache, first_use
    from zoo.checkpoints.model_files import prepare
    from zoo.progress import status
    from zoo.runtime.environment import find

    card = index.card(name)
    with status(f"{card.name}:") as say:
        family = find(card.family)
        card = first_use.pinned(card, say=say)
        family.ensure(say=say)
        files = prepare(card, say=say)
        pinned = card.checkpoint.safetensors
        copies = []
        if mirror is not None:
            upstream = (card.checkpoint.upstream, _as_file(card.checkpoint.upstream_config))
            wanted = (pinned.weights, pinned.config) if pinned else upstream
            copies = [cache.export(file, mirror, label=card.name) for file in wanted if file is not None]
    console = Console(highlight=False, soft_wrap=True)
    for path in [*files.values(), *copies]:
        console.print(str(path))
    if copies and card.checkpoint.pinned_by == "user":
        told = f"Bring {pins_file()} along: it says which bytes these are. MLIP_ZOO_PINS names it there."
        Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(told)


@app.command()
def pin(
    name: Annotated[str | None, typer.Argument(help="A card's name; or --all.")] = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Every card that pins nothing and names a file.")] = False,
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit of the Hub repository; else the card's, or main.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Put the block into the card, in place.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the card into this folder instead of in place.")] = None,
    json: Json = False,
) -> None:
    """Bring revision and hash of a checkpoint that its card names without them, and print what to put into the card."""
    from rich.console import Console

    from zoo.checkpoints import pin as pinning
    from zoo.progress import status

    if all_ or name is None:
        if name is not None or not all_ or not (write or out):
            raise typer.BadParameter("give one name; or --all with --write or --out")
        _pin_all(out)
        return
    card = index.card(name)
    with status(f"{card.name}:") as say:
        found = pinning.pin(card, revision=revision, say=say)
    written = pinning.write(index.path(name), found.checkpoint, out=out) if write or out else None
    if json:
        checkpoint = found.checkpoint.model_dump(mode="json", exclude_none=True)
        _print_json({"name": name, "checkpoint": checkpoint, "note": found.note, "written": written})
        return
    sys.stdout.write(pinning.block(found.checkpoint))
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    if found.note:
        console.print(found.note)
    if written:
        console.print(f"{written} has it now.")
    if card.canary is None:
        console.print("The card is not verified yet: compare with the authors' own calculator and add its canary.")


def _pin_all(out: Path | None) -> None:
    """Pin every card that names a file and no bytes; one that cannot be pinned stops no other. Exit code 1 if any."""
    from zoo.checkpoints import pin as pinning
    from zoo.console import print_error

    cards = [card for card in index.cards() if (place := card.checkpoint.unpinned) and not hasattr(place, "page")]
    faults = 0
    for card in cards:
        try:
            typer.echo(str(pinning.write(index.path(card.name), pinning.pin(card).checkpoint, out=out)))
        except ZooError as error:
            faults += 1
            print_error(f"{card.name}: {index.in_one_line(error)}")
    if faults:
        raise typer.Exit(1)


@app.command()
def environments(
    *,
    build: Annotated[list[str] | None, typer.Option(help="Build this family's; may be given again; 'all'.")] = None,
    json: Json = False,
) -> None:
    """List the families' environments, what they take, and build them. Exit code 1 if one could not be built."""
    from rich.console import Console
    from rich.table import Table

    from zoo.errors import EnvironmentFault
    from zoo.progress import status
    from zoo.runtime import environment

    faults: dict[str, str] = {}
    for family in families() if build and "all" in build else build or []:
        with status(f"{family}:") as say:
            try:
                environment.find(family).ensure(say=say)
            except EnvironmentFault as fault:  # the others can be built all the same
                faults[family] = str(fault)
    found = {family: environment.find(family) for family in families()}
    if json:
        reports = {name: {"folder": str(env.folder), "report": env.report()} for name, env in found.items()}
        _print_json({name: {**reports.get(name, {}), "fault": faults.get(name)} for name in reports | faults})
    else:
        headings = ("family", "built", "packages", "size (GB)", "own (GB)", "seconds", "folder")
        table = Table(*headings, title="Environments")
        for name, env in found.items():
            report: dict[str, Any] = env.report() or {}
            figures = [_or_dash(report.get("packages")), *(_gb(report.get(key)) for key in ("bytes", "bytes_own"))]
            state = "failed" if name in faults else "yes" if env.ready else "no"
            table.add_row(name, state, *figures, _or_dash(report.get("seconds")), str(env.folder))
        print_table(table)
        _print_sandbox()
        for message in faults.values():
            Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(message)
    if faults:
        raise typer.Exit(1)


def _print_sandbox() -> None:
    """Say what models run in on this machine."""
    from rich.console import Console

    from zoo.errors import SandboxUnavailable
    from zoo.sandbox import choice

    try:
        told = f"Models run in the sandbox {mode!r}." if (mode := choice.effective()) != "none" else "No sandbox."
    except SandboxUnavailable as reason:
        told = str(reason)
    Console(highlight=False, markup=False, soft_wrap=True).print(told)


def _list_table(cards: list[Card], users: Container[str]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    without = sorted({card.family for card in cards} - {*families()})
    pinned = Counter(_pinned_by(card, users) for card in cards)
    table = Table(
        title=f"{len(cards)} models, {pinned['card']} of them pinned by their cards, {pinned['user']} by you, "
        f"{sum(card.verified for card in cards)} verified against their authors' own calculator",
        caption="'mlip-zoo show NAME' for more; zoo.load(\"NAME\") pins what its card does not ('mlip-zoo pins')"
        + (f". The zoo has no adapter yet for: {', '.join(without)}" if without else ""),
        box=box.SIMPLE_HEAD,
    )
    for heading in ("name", "status", "pinned by", "parameters", "trained on", "theory", "forces", "rotation"):
        table.add_column(heading, justify="right" if heading == "parameters" else "left")
    for card in cards:
        told = ((card.training_sets, "sets"), (card.theory().split(" + "), "levels"))
        table.add_row(
            Text(card.name, style="dim" if card.superseded_by else ""),
            "verified" if card.verified else "unverified",
            _or_dash(_pinned_by(card, users)),
            _grouped(card.parameters),
            *(Text(_few(names, what)) for names, what in told),
            ", ".join(card.forces),
            _or_dash(card.rotation),
        )
    return table


def _facts_table(card: Card, users: Container[str]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(card.title), show_header=False)
    facts = {
        "load with": f'zoo.load("{card.name}")',
        "entry": _default_entry(card),
        "family": card.family,
        "released": card.released or "-",
        "parameters": _grouped(card.parameters),
        "cutoff": "-" if card.cutoff is None else f"{card.cutoff:g} Å",
        "elements": "-" if card.elements is None else f"{len(card.elements)}",
        "trained on": ", ".join(card.training_sets),
        "before that on": ", ".join(card.pretraining_sets),
        "theory": card.theory(),
        "fidelities": ", ".join(card.fidelities),
        "energies": _or_dash(card.energies),
        "forces (claimed)": ", ".join(card.forces),
        "rotation (claimed)": _or_dash(card.rotation),
        "inversion (claimed)": _or_dash(card.inversion),
        "at the cutoff (claimed)": "the energy jumps" if card.cutoff_crossing == "jumps" else "",
        "dtypes": ", ".join(card.dtypes),
        "licence": f"code {_or_dash(card.licence.code)}, weights {_or_dash(card.licence.weights)}",
        "paper": card.paper or "",
        "code": card.code,
        "superseded by": " → ".join(_successors(card)),
        "withdrawn": f"{card.withdrawn.day}: {card.withdrawn.reason}" if card.withdrawn else "",
        "weights": _weights(card),
        "pinned by": _pinned(card, users),
        "checkpoint": str(card.checkpoint.unpinned or ""),
    }
    for fact, value in facts.items():
        if value:
            table.add_row(fact, Text(value))
    for role, file in _files(card).items():
        told = f"sha256 {file.sha256}\n{file.bytes:,} bytes" + "".join(f"\n{s}" for s in file.sources)
        table.add_row(role, Text(told))
    return table


def _successors(card: Card) -> tuple[str, ...]:
    from zoo.cards.succession import successors

    return successors(card, index.survey().cards) if card.superseded_by else ()


def _files(card: Card) -> dict[str, Any]:
    files: dict[str, Any] = {
        "upstream checkpoint": card.checkpoint.upstream,
        "its description": _as_file(card.checkpoint.upstream_config),
    }
    if card.checkpoint.safetensors:
        files |= {"safetensors": card.checkpoint.safetensors.weights, "its config": card.checkpoint.safetensors.config}
    return {role: file for role, file in files.items() if file}


def _summary(card: Card, users: Container[str]) -> dict[str, Any]:
    keep = ("name", "title", "family", "parameters", "training_sets", "forces", "rotation", "fidelities")
    states = {**_states(card, users), "adapter": card.family in families()}
    known = card.model_dump(mode="json", include=set(keep))
    return {**known, **states, "theory": card.theory(), "entry": _default_entry(card)}


def _few(names: Sequence[str], what: str) -> str:
    """Names where a line has room for them, else how many there are."""
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} {what}"


def _weights(card: Card) -> str:
    """How far a card has come."""
    if card.verified:
        return "verified"
    if card.family not in families():
        return "unverified, no adapter"
    return "unverified"


def _states(card: Card, users: Container[str]) -> dict[str, Any]:
    """`pinned`: by the card."""
    return {"pinned": card.checkpoint.pinned, "pinned_by": _pinned_by(card, users), "verified": card.verified}


def _pinned_by(card: Card, users: Container[str]) -> Literal["card", "user"] | None:
    return card.checkpoint.pinned_by or ("user" if card.name in users else None)


def _pinned(card: Card, users: Container[str]) -> str:
    from zoo.cards.checkpoint import WebPage

    if isinstance(card.checkpoint.unpinned, WebPage):
        return "nobody; the card names a page and no file"
    by = {"card": "the card", "user": f"you, in {pins_file()}", None: "nobody yet; loading it pins it"}
    return by[_pinned_by(card, users)]


def _user_pins() -> Container[str]:
    """Names in the person's pins; a file that cannot be read is told, and stops no list."""
    path = pins_file()
    with contextlib.suppress(OSError):  # `read` tells it
        if not path.exists():
            return ()  # and what reads pins need not be imported
    from zoo.checkpoints import user_pins
    from zoo.console import print_error
    from zoo.errors import PinsError

    try:
        return user_pins.read(path)
    except PinsError as error:
        print_error(str(error))
        return ()


def _default_entry(card: Card) -> str:
    return index.entry_name(card, card.default_mode)


def _as_file(described: object) -> PinnedFile | None:
    """A description of the architecture that is a file; one that the card spells out needs none."""
    from zoo.cards.checkpoint import PinnedFile

    return described if isinstance(described, PinnedFile) else None


def _kept(card: Card, done: Conversion) -> str:
    """Who pins what came out of a conversion; the person's pins get it beside its source."""
    if card.checkpoint.pinned_by == "card":
        return "The card pins these hashes." if _pins(card, done) else "The card does not pin these hashes."
    from zoo.checkpoints.first_use import keep_conversion

    if done.exact and keep_conversion(card, done.weights, done.config):
        return f"{pins_file()} pins these hashes; loading uses them from now on."
    return f"{pins_file()} does not pin these hashes."


def _pins(card: Card, done: Conversion) -> bool:
    pinned = card.checkpoint.safetensors
    return pinned is not None and (pinned.weights.sha256, pinned.config.sha256) == (
        done.weights_sha256,
        done.config_sha256,
    )


def _grouped(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"


def _gb(size: int | None) -> str:
    return "-" if size is None else f"{size / 1e9:.2f}"


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)


def _print_json(data: object) -> None:
    sys.stdout.write(json_.dumps(data, indent=1, ensure_ascii=False, default=str) + "\n")
