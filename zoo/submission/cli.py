"""Commands for who adds a model: new, new-family, stage."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.sandbox import options

if TYPE_CHECKING:
    from zoo.submission.draft import PinnablePlace, Said

app = typer.Typer()

Prompted = Annotated[str | None, typer.Option(help="Asked for on a terminal where it is left out.")]


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The card's name: lower-case letters, digits, '.' and '-'.")],
    *,
    family: Annotated[str, typer.Option(help="Its adapter: zoo/adapters/FAMILY.py.")],
    from_: Annotated[
        list[Path] | None, typer.Option("--from", help="The authors' file here; again for its description.")
    ] = None,
    wheel: Annotated[str | None, typer.Option(help="package==version that holds it; with --file.")] = None,
    hub: Annotated[str | None, typer.Option(help="organisation/repository that holds it; with --file.")] = None,
    file: Annotated[str | None, typer.Option(help="Path in the wheel or repository.")] = None,
    url: Annotated[str | None, typer.Option(help="Where it is, by https.")] = None,
    format_: Annotated[str | None, typer.Option("--format", help="Where the file does not show it.")] = None,
    title: Prompted = None,
    training_set: Annotated[
        list[str] | None, typer.Option(help="Of zoo/cards/training_sets.yaml; may be given again.")
    ] = None,
    energies: Annotated[str | None, typer.Option(help="dft, or mp2020-corrected.")] = None,
    licence_code: Prompted = None,
    licence_weights: Prompted = None,
    code: Annotated[str | None, typer.Option(help="Address of the code.")] = None,
    paper: Annotated[str | None, typer.Option(help="Address of the paper; none where nothing is published.")] = None,
    forces: Annotated[list[str] | None, typer.Option(help="conservative, direct; the default first.")] = None,
    mirror: Annotated[Path | None, typer.Option(help="Also put the files into this mirror folder.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the card, instead of that of the cards.")] = None,
    sandbox: options.Sandbox = None,
    untrusted: options.Untrusted = False,
) -> None:
    """Write the card of a new model: hashes its files, loads it once, fills in what it says, asks for the rest."""
    options.use(sandbox, untrusted=untrusted)
    from zoo import settings
    from zoo.cards import index
    from zoo.cards.card import parse_card
    from zoo.errors import CardError
    from zoo.files import write_text
    from zoo.progress import status
    from zoo.submission import draft
    from zoo.submission.duplicates import duplicates

    draft.require_new(name, family)
    place = _place(wheel=wheel, hub=hub, file=file, url=url, files=from_ or [])
    given = {
        "title": title,
        "energies": energies,
        "licence_code": licence_code,
        "licence_weights": licence_weights,
        "code": code,
        "paper": paper,
    }
    said = _said(name, given, training_set or [], forces or ["conservative"])
    with status(f"{name}:") as say:
        if place is None:
            checkpoint = draft.checkpoint_of(from_ or [], family, told=format_)
        else:
            checkpoint = draft.pinned_from(place, name, family, told=format_, say=say)
        card = parse_card(draft.text(said, family, checkpoint), name=name, file=f"{name}.md")
        found = duplicates(card, index.survey().cards)
        if any("same file" in each for each in found):
            raise CardError(f"{name}: {'; '.join(found)}. Nothing was written: one checkpoint has one card.")
        known = draft.facts(card, say=say)
        whole = draft.text(said, family, checkpoint, known=known)
        parse_card(whole, name=name, file=f"{name}.md")
    target = (out or settings.cards_dir()) / f"{name}.md"
    write_text(target, whole)
    copies = _staged(checkpoint.upstream, checkpoint.upstream_config, mirror) if mirror else []
    for line in (f"{target}", *map(str, copies), *found):
        typer.echo(line)
    typer.echo(
        "Loaded once; parameters, cutoff and elements are the model's own. Next: write two sentences below the front "
        f"matter, say rotation and inversion, 'mlip-zoo canary {name} --with SCRIPT', 'mlip-zoo submit check {name}'.",
        err=True,
    )


@app.command("new-family")
def new_family(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and '_'.")],
    *,
    out: Annotated[Path | None, typer.Option(help="Folder, instead of zoo/adapters.")] = None,
) -> None:
    """Write the beginning of an adapter, zoo/adapters/NAME.py, with its contract."""
    from zoo.submission import family

    typer.echo(str(family.write(name, folder=out)))


@app.command()
def stage(
    files: Annotated[list[Path], typer.Argument(help="Files of weights, configurations, reference data.")],
    *,
    mirror: Annotated[Path, typer.Option(help="Folder that MLIP_ZOO_MIRROR will name; made where it is missing.")],
) -> None:
    """Put files into a mirror folder, each named by its SHA-256: what a card pins is found there without a network."""
    from zoo.submission.staging import stage as put

    for path in files:
        typer.echo(f"{put(path, mirror)}  {path.name}")


def _place(
    *, wheel: str | None, hub: str | None, file: str | None, url: str | None, files: Sequence[Path]
) -> PinnablePlace | None:
    """Where the checkpoint is; None for files that lie here."""
    from pydantic import ValidationError

    from zoo.cards.checkpoint import HubFile, UrlSource, WheelSource
    from zoo.cards.front_matter import explain
    from zoo.errors import CardError

    if sum(map(bool, (wheel, hub, url, files))) != 1:
        raise typer.BadParameter("give one of --from, --wheel, --hub, --url")
    if bool(file) != bool(wheel or hub):
        raise typer.BadParameter("--file goes with --wheel and --hub: the path inside")
    try:
        if wheel:
            return WheelSource.model_validate({"wheel": wheel, "file": file})
        if hub:
            return HubFile.model_validate({"hub": hub, "file": file})
        return UrlSource.model_validate({"url": url}) if url else None
    except ValidationError as error:
        raise CardError(explain(error, name="the checkpoint's place")) from None


_QUESTIONS = {
    "code": "Address of the code",
    "energies": "Energies: dft or mp2020-corrected",
    "licence_code": "Licence of the code",
    "licence_weights": "Licence of the weights",
}


def _said(name: str, given: Mapping[str, str | None], training_sets: Sequence[str], forces: Sequence[str]) -> Said:
    """What a person says, from options; on a terminal the rest is asked for."""
    from zoo.submission.draft import Said

    sets = [_training_set(each) for each in training_sets or [_ask("Training set", option="--training-set")]]
    told = {
        field: given[field] or _ask(question, option=f"--{field.replace('_', '-')}")
        for field, question in _QUESTIONS.items()
    }
    title = given["title"] or _ask("Title", option="--title", default=name)
    return Said(title=title, training_sets=tuple(sets), paper=given["paper"], forces=tuple(forces), **told)  # type: ignore[arg-type]  # texts all


def _ask(what: str, *, option: str, default: str | None = None) -> str:
    if not sys.stdin.isatty():
        if default is not None:
            return default
        raise typer.BadParameter(f"there is no terminal to ask on; give {option}")
    return str(typer.prompt(what, default=default))


def _training_set(given: str) -> str:
    """The training set that is meant: near ones are offered on a terminal, and named where there is none."""
    from zoo.cards.training_sets import training_sets
    from zoo.submission.draft import near_training_sets

    while given not in training_sets():
        near = near_training_sets(given)
        named = f"near are {', '.join(near)}" if near else f"there are {', '.join(training_sets())}"
        told = f"no training set {given[:60]!r}; {named}; a new one goes into zoo/cards/training_sets.yaml"
        if not sys.stdin.isatty():
            raise typer.BadParameter(told)
        typer.echo(told)
        given = str(typer.prompt("Training set", default=near[0] if near else None))
    return given


def _staged(upstream: object, described: object, mirror: Path) -> list[Path]:
    from zoo.cards.checkpoint import PinnedFile
    from zoo.checkpoints import cache

    files = [file for file in (upstream, described) if isinstance(file, PinnedFile)]
    return [cache.export(file, mirror, label=file.sha256[:12]) for file in files]
