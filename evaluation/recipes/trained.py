"""Trained: the files that a training wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Trained:
    """What a training wrote."""

    name: str
    weights: Path
    config: Path
    held_out: Path
    """Mean absolute errors on the test frames, by their source."""
    log: Path
