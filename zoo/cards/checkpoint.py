"""Checkpoint: one set of weights, by the hashes of its files, or by the place where they are."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from zoo.cards.fields import Distribution, FileAddress, FilePath, RepositoryId, Sha256, WebAddress
from zoo.strict import Finite


class Part(Finite):
    """Of a card, which alone is ever validated by itself."""

    model_config = ConfigDict(defer_build=True)


class HubSource(Part):
    """A file of a Hugging Face Hub repository at one commit."""

    hub: RepositoryId
    """`organisation/repository`."""
    revision: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
    """The full 40-digit commit: a branch or tag can move."""
    file: FilePath

    def __str__(self) -> str:
        return f"Hugging Face Hub {self.hub}@{self.revision[:10]}:{self.file}"


class WheelSource(Part):
    """A file that ships inside a Python package."""

    wheel: Distribution
    file: FilePath

    def __str__(self) -> str:
        return f"package {self.wheel}:{self.file}"


class UrlSource(Part):
    """A file behind an address."""

    url: FileAddress

    def __str__(self) -> str:
        return self.url


class BundledSource(Part):
    """A file that ships with this package, in `zoo/weights`: a model that we trained ourselves."""

    bundled: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=100)]

    def __str__(self) -> str:
        return f"this package's own {self.bundled}"


Source = HubSource | WheelSource | UrlSource | BundledSource


class PinnedFile(Part):
    """Bytes, known by their hash, and where they can be had. The hash is the identity; the sources are hints."""

    sha256: Sha256
    bytes: Annotated[int, Field(gt=0, le=10**12)]
    sources: Annotated[tuple[Source, ...], Field(max_length=20)] = ()


class Safetensors(Part):
    """The checkpoint as `mlip-zoo convert` makes it: weights without code, and what builds the model around them."""

    weights: PinnedFile
    config: PinnedFile


class HubFile(Part):
    """A file of a Hugging Face Hub repository, at whatever commit a branch or tag now has."""

    hub: RepositoryId
    revision: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)] = "main"
    file: FilePath
    config: FilePath | None = None
    """The other half: of safetensors, as `mlip-zoo push` publishes them, their config; of the authors' tensors, the
    description of their architecture."""

    @property
    def safetensors(self) -> bool:
        """Whether it is weights and config without code."""
        return self.file.endswith(".safetensors")

    @model_validator(mode="after")
    def _has_both_halves(self) -> Self:
        if self.safetensors and self.config is None:
            raise ValueError("give the config of safetensors: nothing else tells what they are the weights of")
        return self

    def __str__(self) -> str:
        at = "" if self.revision == "main" else f"@{self.revision}"
        return f"Hugging Face Hub {self.hub}{at}:{self.file}"


class WebPage(Part):
    """A page where people find the file: behind a form, or in a list."""

    page: WebAddress

    def __str__(self) -> str:
        return f"somewhere on {self.page}"


Place = HubFile | WheelSource | UrlSource | WebPage
"""Where a checkpoint is, known by nothing but its address: what lies there can change any day."""


def _no_file(arguments: dict[str, str | int | float | bool]) -> dict[str, str | int | float | bool]:
    if arguments.keys() & PinnedFile.model_fields.keys():  # a file with a fault in it is no set of arguments
        raise ValueError("a file has sha256 (64 hexadecimal digits), bytes and sources; arguments have other names")
    return arguments


Arguments = Annotated[
    dict[
        Annotated[str, StringConstraints(max_length=100)],
        Annotated[str, StringConstraints(max_length=500)] | int | float | bool,
    ],
    Field(max_length=200),
    AfterValidator(_no_file),
]
"""What the authors' code builds the architecture with, by name."""
UpstreamFormat = Literal["torch-pickle", "torch-package", "torchscript", "tensorflow-archive", "nqx"]
"""All but `nqx`, a line of JSON and plain arrays, run code when they are opened."""


class Checkpoint(Part):
    """One set of weights in the forms it exists in, or the place of one whose bytes are not pinned yet."""

    upstream: PinnedFile | None = None
    """The file that the authors published; opened only inside a worker."""
    upstream_format: UpstreamFormat | None = None
    upstream_config: PinnedFile | Arguments | None = None
    """The description of the architecture, where the authors' file holds tensors alone: another file of theirs, or,
    where it stands in their code and nowhere else, the arguments themselves."""
    safetensors: Safetensors | None = None
    """What loading uses. Made from `upstream` on first use where no source has it."""
    unpinned: Place | None = None
    """Instead of the others: where the file is, until `mlip-zoo pin` brings revision and hash into the card."""

    @model_validator(mode="after")
    def _some_form(self) -> Self:
        pinned = self.upstream is not None or self.safetensors is not None
        if pinned == (self.unpinned is not None):
            raise ValueError("give upstream, safetensors, or both; or unpinned without them")
        if self.unpinned is None and (self.upstream is None) != (self.upstream_format is None):
            raise ValueError("upstream and upstream_format go together")
        if self.upstream_config is not None and self.upstream is None:
            if self.unpinned is None:
                raise ValueError("upstream_config describes an upstream file; there is none")
            if isinstance(self.upstream_config, PinnedFile):
                raise ValueError("upstream_config is pinned while its upstream file is not; name it as unpinned.config")
        return self

    @property
    def pinned(self) -> bool:
        """Whether the bytes are known by their hash."""
        return self.unpinned is None

    @property
    def pinned_by(self) -> Literal["card", "user"] | None:
        """Who says which bytes it is; a person's own pins make a `zoo.checkpoints.user_pins.UserCheckpoint`."""
        return "card" if self.pinned else None
