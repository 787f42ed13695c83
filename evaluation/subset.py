"""Subset: how much of a task's dataset is run."""

from __future__ import annotations

from typing import Literal

Subset = Literal["canary", "fast", "full"]
SUBSETS: tuple[Subset, ...] = ("canary", "fast", "full")
"""From small to large; each contains the ones before it."""
