"""Draft: the card of a new model, with everything that the files and the loaded model say by themselves."""

from __future__ import annotations

import ast
import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urljoin

from zoo import adapters
from zoo.cards import index
from zoo.cards.card import Card, parse_card
from zoo.cards.checkpoint import Checkpoint, HubFile, PinnedFile, UrlSource, WheelSource
from zoo.cards.elements import SYMBOLS
from zoo.cards.fields import LONGEST_NAME, NAME
from zoo.cards.training_sets import training_sets
from zoo.checkpoints import cache
from zoo.checkpoints.pin import block, pin
from zoo.checkpoints.upstream import upstream_files
from zoo.errors import CardError
from zoo.files import sha256
from zoo.progress import Say
from zoo.runtime import environment
from zoo.runtime.remote import Worker
from zoo.submission.formats import infer

PinnablePlace = HubFile | WheelSource | UrlSource


@dataclass(frozen=True)
class Said:
    """What only a person knows."""

    title: str
    training_sets: tuple[str, ...]
    code: str
    energies: str | None = None
    licence_code: str | None = None
    licence_weights: str | None = None
    paper: str | None = None
    forces: tuple[str, ...] = ("conservative",)
    dtypes: tuple[str, ...] = ("float32", "float64")
    fidelities: tuple[tuple[str, str], ...] = ()
    prose: str = ""


def require_new(name: str, family: str) -> None:
    """Raise CardError for a name that no card can have or that is taken, or a family without an adapter."""
    if len(name) > LONGEST_NAME or not NAME.fullmatch(name):
        raise CardError(
            f"{name!r} cannot be a card's name: lower-case letters and digits, with '.' or '-' between them, at most "
            f"{LONGEST_NAME} characters"
        )
    if name in index.names():
        raise CardError(f"{name}.md is there already; choose another name, or change that card by hand")
    if family not in adapters.families():
        raise CardError(
            f"there is no family {family!r}; there are {', '.join(adapters.families())}. "
            f"'mlip-zoo new-family {family}' writes the beginning of its adapter."
        )


def checkpoint_of(files: Sequence[Path], family: str, *, told: str | None) -> Checkpoint:
    """Hash files that lie here and keep them in the cache: the authors' file, and perhaps its description.

    A companion that the family's adapter declares is taken from beside the first file. `told`: the format where the
    file does not show it. Raises CardError, CheckpointError.
    """
    if not 1 <= len(files) <= 2:
        raise CardError("give the authors' file, and at most one more: its description")
    for path in files:
        if not path.is_file():
            raise CardError(f"{path}: no such file")
    upstream, *others = files
    companion = _companion(family)
    if not others and companion and (upstream.parent / companion).is_file():
        others = [upstream.parent / companion]
    if not others and companion:
        raise CardError(f"{family} also needs {companion}, which does not lie beside {upstream.name}; give both files")
    form = told or infer(upstream)
    pinned = [_stored(path) for path in (upstream, *others)]
    fields = {"upstream": pinned[0], "upstream_format": form, "upstream_config": pinned[1] if others else None}
    return Checkpoint.model_validate(fields)


def pinned_from(place: PinnablePlace, name: str, family: str, *, told: str | None, say: Say) -> Checkpoint:
    """Pin what lies at a place now, with the companion beside it, and keep what came.

    Raises CheckpointError, CardError.
    """

    def pinned(where: PinnablePlace, form: str | None) -> Checkpoint:
        unpinned = Checkpoint.model_validate({"unpinned": where, "upstream_format": form})
        stand_in = Said(title=name, training_sets=("mptrj",), code="https://example.org")
        card = parse_card(text(stand_in, family, unpinned, told=form), name=name, file=f"{name}.md")
        return pin(card, say=say, keep=cache.store).checkpoint

    companion = _companion(family)
    if companion is not None and isinstance(place, HubFile) and place.config is None:  # both of one commit
        place = place.model_copy(update={"config": _sibling(place.file, companion)})
    found = pinned(place, told)
    if companion is None or found.upstream is None or found.upstream_config is not None:
        return found
    return found.model_copy(
        update={"upstream_config": pinned(_beside(place, companion), found.upstream_format).upstream}
    )


def facts(card: Card, *, say: Say = lambda _: None) -> Mapping[str, object]:
    """What the checkpoint says of itself: it is loaded once, in a worker. Raises WorkerError, EnvironmentFault."""
    family = environment.find(card.family)
    family.ensure(say=say)
    mode = card.default_mode
    say("loading it in a worker")
    worker = Worker(
        python=family.python,
        adapter=family.adapter,
        files=upstream_files(card, say=say),
        mode={"device": "cpu", **mode.model_dump(include={"dtype", "forces", "fidelity", "runtime"})},
        threads=1,
    )
    try:
        worker.start()
        told = worker.info.get("facts", {})
    finally:
        worker.close()
    return told if isinstance(told, Mapping) else {}


def text(
    said: Said,
    family: str,
    checkpoint: Checkpoint,
    *,
    told: str | None = None,
    known: Mapping[str, object] | None = None,
) -> str:
    """The card in Markdown: what a person said, what the loaded model said, and the checkpoint's files.

    Texts are written as JSON, which is YAML whatever they hold.
    """
    lines = ["---", f"title: {json.dumps(said.title, ensure_ascii=False)}", f"family: {family}"]
    lines += _facts(known or {})
    lines.append(f"training_sets: {_list(said.training_sets)}")
    lines += [f"energies: {said.energies}"] if said.energies else []
    lines.append(f"forces: {_list(said.forces)}")
    if said.fidelities:
        pairs = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in said.fidelities)
        lines.append(f"fidelities: {{{', '.join(pairs)}}}")
    lines += [f"dtypes: {_list(said.dtypes)}"] if said.dtypes != ("float32", "float64") else []
    licences = {"code": said.licence_code, "weights": said.licence_weights}
    if given := [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in licences.items() if value]:
        lines.append(f"licence: {{{', '.join(given)}}}")
    lines += [f"{key}: {json.dumps(value)}" for key, value in (("paper", said.paper), ("code", said.code)) if value]
    if checkpoint.unpinned is not None:
        place = checkpoint.unpinned.model_dump(exclude_none=True)
        lines += ["checkpoint:", *([f"  upstream_format: {told}"] if told else []), f"  unpinned: {json.dumps(place)}"]
    else:
        lines += block(checkpoint).splitlines()
    prose = said.prose.strip() or "What it is, what it was trained on, and what it is not for: two sentences at least."
    return "\n".join([*lines, "---", prose, ""])


def near_training_sets(given: str) -> list[str]:
    """Names of training sets that are close to what somebody typed, nearest first; those whose title has it too."""
    known = training_sets()
    close = difflib.get_close_matches(given.lower(), known, n=5, cutoff=0.4)
    return close + [
        name for name, found in known.items() if name not in close and given.lower() in f"{name} {found.title}".lower()
    ]


def ranges(symbols: Sequence[object]) -> str:
    """Chemical symbols as a card writes them: `H-Bi, Ac-Pu`; what is no element is left out."""
    rows = sorted(SYMBOLS.index(symbol) for symbol in {s for s in symbols if isinstance(s, str)} & set(SYMBOLS))
    parts: list[list[int]] = []
    for row in rows:
        if parts and row == parts[-1][-1] + 1:
            parts[-1].append(row)
        else:
            parts.append([row])
    short = [[p] if len(p) > 2 else [[row] for row in p] for p in parts]
    return ", ".join(
        SYMBOLS[p[0]] if len(p) == 1 else f"{SYMBOLS[p[0]]}-{SYMBOLS[p[-1]]}" for group in short for p in group
    )


def _facts(known: Mapping[str, object]) -> list[str]:
    lines = []
    parameters, cutoff, elements = (known.get(name) for name in ("parameters", "cutoff", "elements"))
    if isinstance(parameters, list) and parameters and type(parameters[0]) is int and parameters[0] > 0:
        lines.append(f"parameters: {parameters[0]}")
    if isinstance(cutoff, int | float) and not isinstance(cutoff, bool) and 0 < cutoff <= 1000:
        lines.append(f"cutoff: {round(float(cutoff), 6)}")
    if isinstance(elements, list) and (found := ranges(elements)):
        lines.append(f"elements: {json.dumps(found)}")
    return lines


def _companion(family: str) -> str | None:
    """The file that the family's adapter wants beside the authors' (`COMPANION`), read without running the adapter."""
    tree = ast.parse((adapters.FOLDER / f"{family}.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["COMPANION"]:
            name = ast.literal_eval(node.value)
            return name if isinstance(name, str) and Path(name).name == name else None
    return None


def _beside(place: PinnablePlace, name: str) -> PinnablePlace:
    """Where another file lies that is in the same folder."""
    if isinstance(place, UrlSource):
        return UrlSource(url=urljoin(place.url, name))
    return place.model_copy(update={"file": _sibling(place.file, name)})


def _sibling(path: str, name: str) -> str:
    return str(PurePosixPath(path).with_name(name))


def _stored(path: Path) -> PinnedFile:
    file = PinnedFile(sha256=sha256(path), bytes=path.stat().st_size)
    cache.store(path, file)
    return file


def _list(values: Sequence[str]) -> str:
    return f"[{', '.join(json.dumps(value) for value in values)}]"
