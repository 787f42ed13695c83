"""Pin: from a card that says where a checkpoint is to one that says which bytes it is.

The Hub tells commit, hash and size of a large file without sending it; everything else is downloaded and hashed. A
pinned hash says nothing about what the file does: it is what later loading is compared with.
"""

from __future__ import annotations

import difflib
import json
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zoo import files
from zoo.cards.card import Card, parse_card
from zoo.cards.checkpoint import (
    Checkpoint,
    HubFile,
    HubSource,
    PinnedFile,
    Safetensors,
    UpstreamFormat,
    UrlSource,
    WebPage,
    WheelSource,
)
from zoo.checkpoints.download import Unavailable, download, with_retries
from zoo.checkpoints.sources import from_hub, from_wheel, hub_endpoint, hub_faults
from zoo.errors import CardError, CheckpointError, CheckpointNotFound, OfflineError
from zoo.progress import Say
from zoo.settings import offline

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo, RepoFile

LARGEST = 2 * 10**10
"""Bytes of a file that nobody has pinned; more are not fetched. The largest published checkpoint has a tenth of it."""

_TORCH = (".pt", ".pth", ".pth.tar", ".ckpt", ".model")
"""Endings that all families here give to what `torch.save` writes."""


@dataclass(frozen=True)
class Pin:
    """What pinning found out."""

    checkpoint: Checkpoint
    note: str | None = None
    """What a person should know before they rely on it."""


Keep = Callable[[Path, PinnedFile], object]
"""Takes a file that had to be downloaded to be hashed, before it goes."""


def pin(card: Card, *, revision: str | None = None, say: Say = lambda _: None, keep: Keep = lambda *_: None) -> Pin:
    """Find out which bytes an unpinned card's checkpoint is: hash, size and, on a Hub, commit.

    `revision`: a branch, tag or commit of the Hub repository, the card's when None; only a Hub has revisions. `keep`
    is called with what had to be downloaded for it. Raises CheckpointNotFound when the file cannot be had, OfflineError
    when the network is switched off, CheckpointError for a card that is pinned already or a revision of something that
    has none, CardError for a format that is not told.
    """
    place = card.checkpoint.unpinned
    if place is None:
        raise CheckpointError(
            f"{card.name} is pinned already. If its authors changed the file, it is another checkpoint: write a new "
            "card for it and leave this one as it is."
        )
    if isinstance(place, WebPage):
        raise CheckpointNotFound(
            f"{card.name}: the card names a page and no file. Look up on {place.page} which file it is, and put "
            "'hub' and 'file', or 'url', under checkpoint.unpinned."
        )
    if revision is not None and not isinstance(place, HubFile):
        raise CheckpointError(f"{card.name}: --revision is of a Hub repository, and the checkpoint is {place}")
    if offline():
        raise OfflineError(f"{card.name}: pinning asks {place}, and the network is switched off")
    published = isinstance(place, HubFile) and place.safetensors
    form = None if published else card.checkpoint.upstream_format or _format(card, place)
    note = None
    with tempfile.TemporaryDirectory() as scratch:
        try:
            if isinstance(place, HubFile):
                found, note = _from_hub(place, revision or place.revision, Path(scratch), say, keep)
            else:
                say(f"downloading {place}")
                found = [_hashed(_fetched(place, Path(scratch), say), place, keep)]
        except Unavailable as reason:
            raise CheckpointNotFound(f"{card.name}: {place}: {reason}") from reason
    if published:
        return Pin(Checkpoint(safetensors=Safetensors(weights=found[0], config=found[1])), note)
    described = found[1] if len(found) == 2 else card.checkpoint.upstream_config  # its other half
    return Pin(Checkpoint(upstream_format=form, upstream=found[0], upstream_config=described), note)


def block(checkpoint: Checkpoint) -> str:
    """The `checkpoint:` block of a card's front matter for what `pin` finds; ends with a newline."""
    lines = ["checkpoint:"]
    if checkpoint.upstream:
        lines += [f"  upstream_format: {checkpoint.upstream_format}", *_file("upstream", checkpoint.upstream, "  ")]
    if isinstance(checkpoint.upstream_config, PinnedFile):
        lines += _file("upstream_config", checkpoint.upstream_config, "  ")
    elif checkpoint.upstream_config is not None:
        lines.append(f"  upstream_config: {json.dumps(checkpoint.upstream_config, ensure_ascii=False)}")
    if checkpoint.safetensors:
        lines += ["  safetensors:", *_file("weights", checkpoint.safetensors.weights, "    ")]
        lines += _file("config", checkpoint.safetensors.config, "    ")
    return "\n".join(lines) + "\n"


def rewritten(text: str, checkpoint: Checkpoint, *, name: str) -> str:
    """A card's text with another `checkpoint:` block, all else byte for byte as it was.

    Raises CardError when the text is no card, or would say anything else than before afterwards.
    """
    file = f"{name}.md"
    before = parse_card(text, name=name, file=file)
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    start = next(n for n, line in enumerate(lines) if re.match(r"checkpoint\s*:", line))
    # the block ends where the next line begins in the first column; a comment there is about what follows
    end = next(n for n in range(start + 1, len(lines)) if lines[n].strip() and not lines[n][0].isspace())
    after = "".join([*lines[:start], block(checkpoint).replace("\n", newline), *lines[end:]])
    if parse_card(after, name=name, file=file) != before.model_copy(update={"checkpoint": checkpoint}):
        raise CardError(f"{file}: the checkpoint block could not be replaced alone; put the new one in by hand")
    return after


def write(path: Path, checkpoint: Checkpoint, *, out: Path | None = None) -> Path:
    """Put a checkpoint into the card at `path`, in place, or into a copy in the folder `out`. Returns what it wrote."""
    target = path if out is None else out / path.name
    text = path.read_bytes().decode("utf-8")  # read_text would turn \r\n into \n
    files.write_text(target, rewritten(text, checkpoint, name=path.stem))
    return target


def _file(role: str, file: PinnedFile, indent: str) -> list[str]:
    lines = [f"{indent}{role}:", f"{indent}  sha256: {file.sha256}", f"{indent}  bytes: {file.bytes}"]
    lines += [f"{indent}  sources:"] if file.sources else []
    for source in file.sources:
        fields = [f"{key}: {_scalar(value)}" for key, value in source.model_dump().items()]
        lines += [indent + ("    - " if not n else "      ") + field for n, field in enumerate(fields)]
    return lines


def _from_hub(
    place: HubFile, revision: str, scratch: Path, say: Say, keep: Keep
) -> tuple[list[PinnedFile], str | None]:
    """The place's file, and its config where it has one."""
    say(f"asking {place}")
    paths = [path for path in (place.file, place.config) if path is not None]
    info, found = with_retries(lambda: _asked(place.hub, paths, revision))
    assert info.sha is not None  # a Hub that knows the repository knows its commit
    pinned = []
    for path in paths:
        entry = found.get(path)
        if entry is None:
            there = [sibling.rfilename for sibling in info.siblings or []]
            close = difflib.get_close_matches(path, there, n=3, cutoff=0.5)
            meant = f"; did you mean {' or '.join(close)}?" if close else f"; it holds {len(there)} others"
            which = "" if path == place.file else f"{path}: "
            raise Unavailable(f"{which}no such file at commit {info.sha}{meant}")
        if (announced := entry.lfs.size if entry.lfs else entry.size) > LARGEST:
            raise Unavailable(
                f"{path} has {announced:,} bytes; of what nobody has pinned, {LARGEST:,} are fetched at most"
            )
        source = HubSource(hub=place.hub, revision=info.sha, file=path)
        if entry.lfs is not None:
            pinned.append(PinnedFile(sha256=entry.lfs.sha256, bytes=entry.lfs.size, sources=(source,)))
        else:
            say(f"downloading {path} of {place.hub}: the Hub has no SHA-256 of a small file")
            brought = from_hub(source, scratch, size=entry.size, progress=lambda *_: None)
            pinned.append(_hashed(brought, source, keep))
    page = f"{hub_endpoint()}/{place.hub}"
    return pinned, f"the repository is gated: who loads it must accept the licence on {page}" if info.gated else None


def _asked(repository: str, paths: Sequence[str], revision: str) -> tuple[ModelInfo, dict[str, RepoFile]]:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    api = HfApi(endpoint=hub_endpoint(), library_name="mlip-zoo")
    with hub_faults(repository, revision):
        info = api.model_info(repository, revision=revision)
        found = api.get_paths_info(repository, list(paths), revision=info.sha)
    return info, {entry.path: entry for entry in found if isinstance(entry, RepoFile)}


def _fetched(place: WheelSource | UrlSource, scratch: Path, say: Say) -> Path:
    if isinstance(place, WheelSource):
        return from_wheel(place, scratch)

    def progress(done: int, _: int) -> None:
        say(f"{done / 1e6:,.0f} MB")

    # no hash is known, so that a file put together from two answers never passes and is fetched whole
    path = download(place.url, scratch, size=LARGEST, sha256="", progress=progress)
    with path.open("rb") as file:
        if re.match(rb"\s*<(!doctype|html|\?xml)", file.read(100), re.IGNORECASE):
            raise Unavailable("a web page came instead of a file")
    return path


def _hashed(path: Path, source: HubSource | WheelSource | UrlSource, keep: Keep) -> PinnedFile:
    size = path.stat().st_size
    if not size:
        raise Unavailable("the file is empty")
    pinned = PinnedFile(sha256=files.sha256(path), bytes=size, sources=(source,))
    keep(path, pinned)
    return pinned


def _format(card: Card, place: HubFile | WheelSource | UrlSource) -> UpstreamFormat:
    where = place.url if isinstance(place, UrlSource) else place.file
    if where.endswith(_TORCH):
        return "torch-pickle"
    raise CardError(
        f"{card.name}.md: checkpoint.upstream_format: missing, and the ending of {where} does not tell it; write it "
        "beside 'unpinned', then pin again"
    )


def _scalar(text: str) -> str:
    """A YAML scalar: quoted where the plain text would be read as something else."""
    plain = re.fullmatch(r"[A-Za-z][\w.:/+=%?&-]*(?<!:)|(?=.*[a-f])[0-9a-f]{40}", text)
    return text if plain else "'" + text.replace("'", "''") + "'"
