"""The person's pins: which bytes the checkpoints of cards without a hash were when this person first loaded them.

One YAML file, `zoo.settings.pins_file()`. It is written whole, by one process at a time, so that none loses what
another adds. It is not trusted when it is read, because a project may bring one: an entry can choose revision and hash
of the file that the card names, and nothing else.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, override

import yaml
from pydantic import Field, StringConstraints, model_validator

from zoo import files
from zoo.cards import front_matter
from zoo.cards.checkpoint import (
    Arguments,
    Checkpoint,
    HubFile,
    HubSource,
    PinnedFile,
    Safetensors,
    Source,
    UpstreamFormat,
    UrlSource,
    WheelSource,
)
from zoo.cards.fields import Date, Name, Sha256
from zoo.errors import CardError, PinsError
from zoo.strict import Strict

LARGEST_BYTES = 1 << 20
"""Of the file; an entry takes 600 bytes."""
DEEPEST = 12
"""Levels of nesting in the file; an entry takes 6."""
WRITE_LIMIT = 60.0
"""Seconds to wait for other processes that write the file, a few milliseconds each."""

_HEAD = """\
# Written by mlip-zoo: what the checkpoints of cards that pin none were when they were first loaded.
# 'mlip-zoo pins' lists them, 'mlip-zoo pins remove NAME' forgets one.
"""
# control characters, and those that turn or break a line where it is shown
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")

_EVENTS: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Where = HubFile | WheelSource | UrlSource
Role = Literal["upstream", "upstream_config", "weights", "config"]


class UserCheckpoint(Checkpoint):
    """A checkpoint whose bytes the person's pins name, because its card does not."""

    place: Where
    day: Date

    @property
    @override
    def pinned_by(self) -> Literal["card", "user"] | None:
        return "user"


class FileHash(Strict):
    """What is known of a file's bytes."""

    sha256: Sha256
    bytes: Annotated[int, Field(gt=0)]


class UserPin(Strict):
    """One card's checkpoint in the person's pins."""

    place: Where
    """Where it is, as the card said when it was pinned."""
    revision: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")] | None = None
    """The commit; of a file on a Hub, and of nothing else."""
    upstream_format: UpstreamFormat | None = None
    files: dict[Role, FileHash]
    """`upstream`: the authors' file, and `upstream_config`, another one that describes it. `weights` and `config`: the
    safetensors form, theirs or converted here."""
    day: Date
    """When it was pinned, UTC."""

    @model_validator(mode="after")
    def _is_a_checkpoint(self) -> Self:
        if isinstance(self.place, HubFile) != (self.revision is not None):
            raise ValueError("a file on a Hub has a revision, and nothing else has one")
        if ("weights" in self.files) != ("config" in self.files):
            raise ValueError("files: weights and config go together")
        if missing := self._published().keys() - self.files.keys():
            raise ValueError(f"files: {', '.join(sorted(missing))}: missing")
        for role in self.files.keys() & {"upstream", "upstream_config"}:
            if role not in self._published():
                raise ValueError(f"files: {role}: the place has none")
        if ("upstream" in self.files) != (self.upstream_format is not None):
            raise ValueError("upstream and upstream_format go together")
        return self

    @classmethod
    def of(cls, checkpoint: Checkpoint, place: Where, *, day: str) -> UserPin:
        """The entry of a checkpoint that was found at `place`."""
        safetensors, described = checkpoint.safetensors, checkpoint.upstream_config
        found: dict[Role, PinnedFile | None] = {
            "upstream": checkpoint.upstream,
            "upstream_config": described if isinstance(described, PinnedFile) else None,
            "weights": safetensors.weights if safetensors else None,
            "config": safetensors.config if safetensors else None,
        }
        sources = [source for file in found.values() if file for source in file.sources]
        return cls(
            place=place,
            revision=next((source.revision for source in sources if isinstance(source, HubSource)), None),
            upstream_format=checkpoint.upstream_format,
            files={role: FileHash(sha256=file.sha256, bytes=file.bytes) for role, file in found.items() if file},
            day=day,
        )

    def checkpoint(self, described: Arguments | None = None) -> UserCheckpoint:
        """The checkpoint with these bytes, from this place. `described`: the architecture in the card's words."""
        file = {role: self._file(role) for role in self.files}
        return UserCheckpoint(
            upstream=file.get("upstream"),
            upstream_format=self.upstream_format,
            upstream_config=file.get("upstream_config", described) if "upstream" in file else None,
            safetensors=Safetensors(weights=file["weights"], config=file["config"]) if "weights" in file else None,
            place=self.place,
            day=self.day,
        )

    def _file(self, role: Role) -> PinnedFile:
        known = self.files[role]
        source = self._published().get(role)  # a conversion has none: it is made here again
        return PinnedFile(sha256=known.sha256, bytes=known.bytes, sources=(source,) if source else ())

    def _published(self) -> dict[Role, Source]:
        """The files that the place has."""
        place = self.place
        if not isinstance(place, HubFile):
            return {"upstream": place}
        roles: tuple[Role, Role] = ("weights", "config") if place.safetensors else ("upstream", "upstream_config")
        paths = {role: path for role, path in zip(roles, (place.file, place.config), strict=True) if path is not None}
        revision = self.revision or ""
        return {role: HubSource(hub=place.hub, revision=revision, file=path) for role, path in paths.items()}


class UserPins(Strict):
    """The file."""

    version: Literal[1]
    pins: dict[Name, UserPin]


def read(path: Path) -> Mapping[str, UserPin]:
    """The entries by card's name; none where there is no file. Raises PinsError with file, field and reason."""
    try:
        if not path.exists():
            return {}
        if not path.is_file():  # a pipe would never end
            raise PinsError(f"{path} is not a file")
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise PinsError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return _parsed(data)
    except CardError as error:
        raise PinsError(f"{path} is not a file of pins. {error}\nMend it, or move it away and pin anew.") from None


def add(path: Path, name: str, pin: UserPin) -> UserPin:
    """Add an entry. Where another process has been faster, its entry stays and is returned. Raises PinsError."""
    with _changing(path) as pins:
        return pins.setdefault(name, pin)


def replace(path: Path, name: str, pin: UserPin) -> None:
    """Put an entry in the place of another. Raises PinsError."""
    with _changing(path) as pins:
        pins[name] = pin


def remove(path: Path, name: str) -> UserPin:
    """Forget an entry, and return it. Raises PinsError when there is none."""
    with _changing(path) as pins:
        if name not in pins:
            raise PinsError(f"{path} has no pin of {name!r}; it has {', '.join(sorted(pins)) or 'none at all'}")
        return pins.pop(name)


def _parsed(data: bytes) -> Mapping[str, UserPin]:
    if len(data) > LARGEST_BYTES:
        raise CardError(f"It has more than {LARGEST_BYTES:,} bytes.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise CardError("It is not UTF-8.") from None
    if unsafe := _UNSAFE.search(text):
        raise CardError(f"Line {text.count(chr(10), 0, unsafe.start()) + 1} has the character {unsafe[0]!a}.")
    _require_shallow(text)
    return front_matter.parse_yaml(text, UserPins, name="pins", first_line=0).pins


def _require_shallow(text: str) -> None:
    """Raise CardError before the parser, which calls itself once a level, meets too deep a nesting."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_EVENTS):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise CardError(f"It is nested deeper than {DEEPEST} levels.")
    except yaml.YAMLError:
        return  # the parser says where


@contextlib.contextmanager
def _changing(path: Path) -> Iterator[dict[str, UserPin]]:
    """The entries, to be changed in the block; what has changed is written when it ends. No other process writes."""
    import filelock

    path = path.resolve()  # a link stays one
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(path.with_name(f".{path.name}.lock"), timeout=WRITE_LIMIT):
            before = read(path)
            pins = dict(before)
            yield pins
            if pins != before:
                files.write_text(path, _text(pins))
    except filelock.Timeout:
        raise PinsError(f"another process has been writing {path} for {WRITE_LIMIT:.0f} s; try again") from None
    except OSError as error:
        raise PinsError(
            f"{path} cannot be written ({error.strerror}), and no checkpoint is loaded whose bytes are not pinned. Set "
            "MLIP_ZOO_PINS to a file that can."
        ) from error


def _text(pins: Mapping[str, UserPin]) -> str:
    entries = {name: pin.model_dump(mode="json", exclude_none=True) for name, pin in sorted(pins.items())}
    return _HEAD + yaml.safe_dump({"version": 1, "pins": entries}, sort_keys=False, allow_unicode=True)
