"""Inputs: what a site is made from, as hashes, so that a page is made again only where one of them changed."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import cache
from pathlib import Path

from evaluation.reference import dataset
from leaderboard.ranking import crystals, scored
from leaderboard.ranking.board import Board
from leaderboard.ranking.collect import PUBLISHED, Entry
from zoo import settings
from zoo.files import sha256

_PACKAGES = (
    "altair",
    "jinja2",
    "markdown-it-py",
    "markupsafe",
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "vl-convert-python",
)
"""Those whose version may change a page."""
_DATA = frozenset({".gz", ".json", ".parquet", ".svg"})
"""Files of a folder of results."""


def digest(*parts: object) -> str:
    """One hash of texts, numbers, None, and tuples or frozen records of them."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def everything(folders: Sequence[Path], *, day: date | None) -> str:
    """Of all that a site of these folders of results depends on, wherever they are."""
    local = any(folder.resolve() != PUBLISHED.resolve() for folder in folders)
    return digest(
        code(),
        cards(),
        day,
        [_folder(folder, _DATA) for folder in folders],
        _folder(scored.FOLDER, _DATA),
        _folder(crystals.FOLDER, _DATA),
        [name for name in dataset.names() if local and dataset.any_here(name)],
    )


@cache
def code() -> str:
    """Of these three packages with their templates and protocols, and of the versions of those that draw and write."""
    house = Path(__file__).parents[2]  # they lie side by side, in a checkout as in an installation
    own = [_folder(house / package, None) for package in ("zoo", "evaluation", "leaderboard")]
    return digest(own, platform.python_version(), [importlib.metadata.version(name) for name in _PACKAGES])


def cards() -> str:
    """Of all cards and of what is known of their checks."""
    return _folder(settings.cards_dir(), None)


def of_board(board: Board) -> str:
    """Of the results on a board and the places that they have there."""
    return digest(
        board.task.name,
        board.subset,
        board.shares_task,
        board.by_score,
        [(of_entry(place.entry.part_of or place.entry), place.rank, place.unranked) for place in board.places],
    )


def of_entry(entry: Entry) -> str:
    """Of a result, its records, and what ships of it."""
    ships = (scored.path_of(entry.path), crystals.path_of(entry.path)) if entry.scored else ()
    files = (entry.path, entry.records_path, entry.path.with_suffix(".svg"), crystals.shared_path(entry.task), *ships)
    return digest(entry.name, entry.origin, entry.stale, entry.unchecked, [_of_file(path) for path in files])


def _of_file(path: Path) -> str | None:
    return sha256(path) if path.is_file() else None


def _folder(folder: Path, suffixes: Iterable[str] | None) -> str:
    """Of the files below a folder, by their paths in it: those with some suffixes, or all but data and bytecode."""
    return digest([(str(path.relative_to(folder)), sha256(path)) for path in sorted(_files(folder, suffixes))])


def _files(folder: Path, suffixes: Iterable[str] | None) -> Iterator[Path]:
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        wanted = path.suffix in suffixes if suffixes else "__pycache__" not in parts and parts[0] not in _NO_CODE
        if wanted and path.is_file():
            yield path


_NO_CODE = frozenset({"results", "scored", "crystals", "_cards"})
"""Folders of packages that hold data, which are hashed by themselves."""
