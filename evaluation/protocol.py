"""Protocol: the numbers that a task runs with, read from a file; their hash says which results belong together.

The hash covers the fields' names and values as they are dumped: a field more, or one of another name, makes every
result of the task stale. Bases shared by protocols bring the same fields to each.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from zoo.cards.front_matter import read_yaml
from zoo.files import json_text
from zoo.strict import Strict

FOLDER = Path(__file__).with_name("protocols")


class TaskProtocol(Strict):
    """Every number of a protocol; read from `evaluation/protocols/<task>-v<N>.yaml`, frozen."""

    task: str
    """The task's name."""
    version: int
    """Of the protocol; the N of its file."""
    samples_per_chunk: int
    """Samples that run and are stored together. Part of the protocol: a batch's company can move the last digits."""


class RelaxationNumbers(Strict):
    """Of evaluation.physics.relaxation.Relaxation, which has the same fields."""

    optimizer: Literal["fire", "lbfgs"]
    """FIRE or L-BFGS."""
    fmax: float
    """eV/Å: converged when every atom's force and every row of the cell's gradient are shorter."""
    steps: int
    """Largest number of steps."""


class KeptGroupRelaxation(RelaxationNumbers):
    """With the space group kept."""

    cell: Literal["full", "fixed", "no-tilt"]
    """Which part of the cell is free; no-tilt: xx, yy and zz of the strain."""
    symprec: float
    """Å: precision at which the space group is found."""


class ThresholdNumbers(Strict):
    """Of evaluation.metrics.phonon.Thresholds: a mode below its threshold (THz) is imaginary."""

    acoustic: float
    """THz, of the three acoustic modes at Γ."""
    optical: float
    """THz, of the other modes at Γ."""
    elsewhere: float
    """THz, of all modes at other q points."""


def read_protocol[P: TaskProtocol](task: str, kind: type[P], *, version: int = 1) -> P:
    """The numbers of `evaluation/protocols/<task>-v<version>.yaml`. Raises CardError with file, field and reason."""
    return read_yaml(FOLDER / f"{task}-v{version}.yaml", kind)


def protocol_sha256(protocol: TaskProtocol) -> str:
    """Hash of a protocol's numbers (not of the file: a comment may change).

    A number that is None does not exist in this version: an older version keeps its hash when a later one adds numbers.
    """
    known = _hashed.get(id(protocol))
    if known is None:
        text = json_text(protocol.model_dump(mode="json", exclude_none=True))
        known = _hashed[id(protocol)] = protocol, hashlib.sha256(text.encode()).hexdigest()
    return known[1]


_hashed: dict[int, tuple[TaskProtocol, str]] = {}
"""Frozen protocols that were asked about, kept so that no other one has their number: a board asks for each result."""
