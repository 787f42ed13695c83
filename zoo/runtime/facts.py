"""Facts on the host: what a loaded model said of itself, read once and with care."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from zoo.errors import MalformedAnswer
from zoo.runtime.electrons import READ
from zoo.text import one_line

Knows = Literal["any", "uniform", "full"]
"""Which `pbc` a model knows; see zoo.runtime.serving.Facts."""


@dataclass(frozen=True)
class Told:
    """What decides how a model is asked."""

    pbc: Knows
    reads: tuple[str, ...]
    """Those of `charge` and `spin` that its answers depend on."""
    magmoms: bool
    """Whether it predicts magnetic moments."""
    cutoff: float | None
    """Å."""

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """Raises MalformedAnswer."""
        pbc, reads, magmoms = facts.get("pbc", "full"), facts.get("reads", []), facts.get("magmoms", False)
        if pbc not in get_args(Knows):
            raise MalformedAnswer(f"pbc must be one of {', '.join(get_args(Knows))} and is {_shown(pbc)}")
        if not isinstance(reads, list) or not all(key in READ for key in reads):
            raise MalformedAnswer(f"reads must be a list of {' and '.join(READ)} and is {_shown(reads)}")
        if not isinstance(magmoms, bool):
            raise MalformedAnswer(f"magmoms must be true or false and is {_shown(magmoms)}")
        cutoff = facts.get("cutoff")
        known = isinstance(cutoff, int | float) and not isinstance(cutoff, bool) and 0 < cutoff < math.inf
        return cls(pbc, tuple(reads), magmoms, float(cutoff) if known else None)  # type: ignore[arg-type]  # a number


def _shown(value: object) -> str:
    return one_line(repr(value), limit=60)
