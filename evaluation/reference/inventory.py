"""Shelf: which reference data are on this machine, and bringing those that are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evaluation.reference import dataset
from zoo.checkpoints import cache
from zoo.errors import ZooError
from zoo.progress import Say

Here = Literal["yes", "partly", "no", "with its package"]


@dataclass(frozen=True)
class Shelved:
    """A data set, and whether it is here."""

    name: str
    title: str
    n: int
    theory: str
    licence: str
    citation: str
    source: str
    bytes: int
    """Of its pinned files."""
    here: Here


def look(name: str) -> Shelved:
    """What is known of a data set; asks cache and mirrors and no network."""
    found = dataset.load(name)
    return Shelved(
        name=name,
        title=found.title,
        n=found.n,
        theory=found.theory,
        licence=found.licence,
        citation=found.citation,
        source=found.source,
        bytes=sum(file.bytes for file in found.files.values()),
        here=_here(found),
    )


def _here(found: dataset.Dataset) -> Here:
    if found.package:
        return "with its package"
    present = sum(cache.cached(file) is not None for file in found.files.values())
    return "yes" if present == len(found.files) else "partly" if present else "no"


def bring(names: Sequence[str], *, mirror: Path | None, say: Say) -> list[str]:
    """Fetch all files of these data sets, and copy them into `mirror` where one is given; returns what failed.

    One that cannot be had stops none of the others.
    """
    faults = []
    for name in names:
        found = dataset.load(name)
        for label, file in found.files.items():
            say(f"{name}: {label}, {file.bytes / 1e6:.1f} MB")
            try:
                if mirror is None:
                    cache.fetch(file, label=name, command="datasets")
                else:
                    cache.export(file, mirror, label=name, command="datasets")
            except ZooError as error:
                faults.append(f"{label} of {error}")
    return faults
