"""Known defects: what a card admits of its model, with its size: shown as a mark, refuted when larger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

Declarable = Literal[
    "batch equals single",
    "chemistry",
    "choice of cell",
    "continuity",
    "extensivity",
    "far translation",
    "forces",
    "inversion",
    "large system",
    "net force",
    "periodicity",
    "precision",
    "rotation",
    "stress",
    "translation",
]
"""Checks of physics, by name. What every answer owes its caller (shapes, its own failures, the canary) is no defect."""

Unit = Literal["eV", "eV/atom", "eV/Å", "eV/Å³"]
MOST = 10.0
"""Of any size that a card can declare."""
Size = Annotated[float, Field(gt=0, le=MOST)]
Defects = Annotated[
    dict[Declarable, Annotated[dict[Unit, Size], Field(min_length=1, max_length=4)]], Field(max_length=20)
]
"""Check → unit → the most that it was measured to be off; `mlip-zoo check` prints the lines to put here."""

MOST_CHEMISTRY = 2.5
"""eV/atom. Two of our own models, trained on too few data, are off by 1.9; beyond this there is no chemistry left."""


def sizes(defects: Mapping[Declarable, Mapping[Unit, float]], check: str) -> dict[str, float]:
    """Unit → size of what is declared for a check; empty where nothing is."""
    return {str(unit): size for name, found in defects.items() if name == check for unit, size in found.items()}


def worth_declaring(check: Declarable, size: float) -> float | None:
    """What a card can say of a size that was measured: a fifth more, two digits, as far as a card may go.

    Another machine's rounding must not refute it. None where the measured size itself is too large for a card.
    """
    most = MOST_CHEMISTRY if check == "chemistry" else MOST
    return min(float(f"{1.2 * size:.1e}"), most) if size <= most else None
