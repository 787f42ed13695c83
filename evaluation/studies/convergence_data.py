"""What the study of convergence writes, and the leaderboard reads: headlines against one number of a protocol."""

from __future__ import annotations

import math

from evaluation.metric import Score
from evaluation.subset import Subset
from zoo.strict import Strict

NUMBERS_OF_SAMPLES = ("canary", "fast", "full", "fast_frames")
"""Fields of protocols that say which samples there are, or how many."""


class Setting(Strict):
    """One value of the number that was varied, and what came out."""

    value: float
    scores: dict[str, Score]
    """By metric name."""
    failed: int
    """Samples without an answer."""


class Convergence(Strict):
    """One entry on one subset of a task, with one number of the protocol at several values, the others as they are."""

    task: str
    protocol_version: int
    protocol_sha256: str
    entry: str
    checkpoint_sha256: str
    subset: Subset
    field: str
    """The protocol's number; a dot leads into a part of it: `relaxation.fmax`."""
    published: float
    """Its value in the protocol."""
    settings: tuple[Setting, ...]
    """From the loosest to the tightest, as they were asked for."""
    version: str
    """Of mlip-zoo."""
    commit: str | None
    finished: str
    """UTC, ISO 8601."""

    @property
    def label(self) -> str:
        """What was varied, as a heading."""
        return f"samples of {self.subset}" if self.field in NUMBERS_OF_SAMPLES else self.field

    def is_published(self, setting: Setting) -> bool:
        """Whether it has the protocol's own value; how far a list of ratios reaches is a difference, and rounded."""
        return math.isclose(setting.value, self.published, rel_tol=1e-9)
