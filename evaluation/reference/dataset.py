"""Dataset: reference data of others, known by hash; `evaluation/datasets/<name>.yaml` says what and where.

No file of them is in this repository. The bytes come from the zoo's cache, a mirror folder (`MLIP_ZOO_MIRROR`) or the
address that the dataset file names, whichever has them first; what arrives is compared with the hash.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import hashlib
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from pydantic import Field

from evaluation.errors import DatasetUnavailable, UnknownDataset
from zoo.cards.checkpoint import PinnedFile
from zoo.cards.fields import Sha256
from zoo.cards.front_matter import read_yaml
from zoo.checkpoints import cache
from zoo.errors import CheckpointNotFound, OfflineError
from zoo.progress import ByteProgress
from zoo.strict import Strict

FOLDER = Path(__file__).parents[1] / "datasets"

_here_only: ContextVar[bool] = ContextVar("here_only", default=False)


class Dataset(Strict):
    """Files that belong together, with what a reader of the board has to know about them."""

    title: str
    n: int
    """Samples in it."""
    theory: str
    """Level of theory of the reference figures."""
    licence: str
    citation: str
    source: str
    """A page that a person can read."""
    files: dict[str, PinnedFile] = Field(default_factory=dict)
    """By the name that tasks use for them."""
    package: str | None = None
    """Where the data ship inside a Python package instead."""
    sha256: Sha256 | None = None
    """Of a package's data, as the task that uses them computes it."""

    @property
    def identity(self) -> str:
        """One hash over all files: it changes when any byte of the reference does."""
        joined = "\n".join(f"{name} {file.sha256}" for name, file in sorted(self.files.items()))
        return hashlib.sha256(joined.encode()).hexdigest()


def names() -> list[str]:
    """Names of all datasets: the files in `evaluation/datasets`."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@functools.cache
def load(name: str) -> Dataset:
    """What is known of a dataset; nothing is fetched. Raises UnknownDataset with close matches."""
    if name not in names():
        close = difflib.get_close_matches(name, names(), n=2, cutoff=0.4)
        meant = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise UnknownDataset(f"no dataset named {name!r}.{meant} There are: {', '.join(names())}.")
    return read_yaml(FOLDER / f"{name}.yaml", Dataset)


def fetch(name: str, file: str, *, progress: ByteProgress | None = None) -> Path:
    """The verified bytes of one file of a dataset, in the cache.

    Raises DatasetUnavailable, which says where to get them; ChecksumMismatch when a source has other bytes.
    """
    dataset = load(name)
    pinned = dataset.files[file]
    if _here_only.get():
        if found := cache.cached(pinned):
            return found
        raise DatasetUnavailable(
            f"{file!r} of the reference data {dataset.title!r} is not on this machine; 'mlip-zoo datasets {name} "
            "--fetch' brings it",
            dataset=name,
        )
    try:
        return cache.fetch(pinned, label=name, progress=progress, command="datasets")
    except (CheckpointNotFound, OfflineError) as reason:
        raise DatasetUnavailable(
            f"the reference data {dataset.title!r} are not on this machine, and {file!r} could not be fetched.\n"
            f"{reason}\n"
            f"They are described at {dataset.source}. If you have the file, put it into a folder under the name "
            f"{pinned.sha256} and set MLIP_ZOO_MIRROR to that folder. The canary subset of every task runs without.",
            dataset=name,
        ) from reason


def any_here(name: str) -> bool:
    """Whether any file of the dataset is in the cache or a mirror; asks no network."""
    return any(cache.cached(file) for file in load(name).files.values())


@contextlib.contextmanager
def here_only() -> Iterator[None]:
    """Within it `fetch` asks the cache and the mirrors alone: showing what is there is no reason to download."""
    token = _here_only.set(True)
    try:
        yield
    finally:
        _here_only.reset(token)
