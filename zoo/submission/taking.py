"""Taking: cards and adapters of somebody else's checkout into this one, and nothing else of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from zoo.errors import CardError
from zoo.files import read_ordinary, write_bytes

_TAKEN = re.compile(
    r"(?:model_cards/[a-z0-9][a-z0-9.-]*\.md|model_cards/canaries/[a-z0-9][a-z0-9.-]*\.(?:json|py)"
    r"|zoo/adapters/[a-z][a-z0-9_]*\.py)"
)
_LARGEST = 1_000_000
"""Bytes of a file."""


def take(folder: Path, paths: Iterable[str], *, into: Path) -> list[Path]:
    """Copy those of the changed paths that are cards, canaries or adapters; returns the copies.

    A path that is gone there is not removed here. Raises CardError for a link, a folder or a large file.
    """
    taken = []
    for path in sorted(set(paths)):
        source = folder / path
        if not _TAKEN.fullmatch(path) or not (source.exists() or source.is_symlink()):
            continue
        if any(part.is_symlink() for part in (source, *source.parents) if part.is_relative_to(folder)):
            raise CardError(f"{path}: a symbolic link; only ordinary files are taken")
        try:
            data = read_ordinary(source, limit=_LARGEST)
        except OSError as error:
            raise CardError(f"{path}: {error.strerror or error}") from None
        write_bytes(into / path, data)
        taken.append(into / path)
    return taken
