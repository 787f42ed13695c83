"""Changes: what a pull request may hold, and which cards it is about, from the paths that it changes."""

from __future__ import annotations

import re
from collections.abc import Iterable

_MACHINES = ("leaderboard/results/", "leaderboard/scored/", "model_cards/checked/", "leaderboard/earlier.json")
"""What lanes of the main branch write: a figure that came with a pull request would be a claim, not a measurement."""
_CARD = re.compile(r"model_cards/(?:canaries/)?([a-z0-9][a-z0-9.-]*)\.(?:md|json|py)")


def written_by_machines(paths: Iterable[str]) -> list[str]:
    """Paths that no pull request may change, sorted."""
    return sorted(path for path in paths if path.startswith(_MACHINES))


def cards_of(paths: Iterable[str]) -> list[str]:
    """Names of the cards that are changed or whose canaries are, sorted; an adapter alone names none."""
    return sorted({found[1] for path in paths if (found := _CARD.fullmatch(path))})
