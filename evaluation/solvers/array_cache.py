"""Kept: arrays that took long to make, remembered in a run's folder under a hash of what they were made from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.files import whole

Arrays = Mapping[str, NDArray]  # type: ignore[type-arg]  # of any dtype


class Kept:
    """A folder of answers. Safe to use from several threads: a file is there, whole, or it is not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, what: str, given: Arrays) -> Path:
        """Where the answer to `what` lies; any other bit of `given` is another file."""
        digest = hashlib.sha256(what.encode())
        for name in sorted(given):
            array = np.ascontiguousarray(given[name])
            digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
            digest.update(array.tobytes())
        return self.folder / f"{what}-{digest.hexdigest()[:24]}.npz"

    def find(self, what: str, given: Arrays) -> Arrays | None:
        """What was kept; None when nothing was."""
        path = self.path(what, given)
        return read(path) if path.is_file() else None

    def keep(self, what: str, given: Arrays, answer: Arrays) -> None:
        """Keep an answer, whole."""
        write(self.path(what, given), answer)


def read(path: Path) -> Arrays:
    """Arrays of a file; no pickle is ever read."""
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def write(path: Path, arrays: Arrays) -> None:
    """Write arrays, whole."""
    with whole(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # numpy's keyword allow_pickle
