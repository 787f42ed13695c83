# /// script
# requires-python = ">=3.12"
# dependencies = ["numpy==2.5.4", "safetensors==0.8.0"]
# ///
"""A model in two halves, whose answers say which batch they come from: the energy is the number of atoms in it.

Lanthanum has no graph, cerium has one and no answer, samarium takes more memory than there is for eight atoms. The
stress says in which thread the graph was made: 1 where that was not the one that computes.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

LANTHANUM, CERIUM, SAMARIUM = 57, 58, 62
MOST_SAMARIUM = 8
"""Atoms."""


def load(files: Any, *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str) -> Prepares:
    return Prepares()


class Prepares:
    def __init__(self) -> None:
        self.facts = {"parameters": [0, 0], "cutoff": 6.0, "elements": ["Cu", "La", "Ce", "Sm"], "pbc": "any"}

    def compute(self, structures: list[Any]) -> list[Any]:
        return self.answers(self.prepare(structures))

    def prepare(self, structures: list[Any]) -> Any:
        if any(LANTHANUM in structure.numbers for structure in structures):
            raise ValueError("lanthanum has no graph")
        return threading.get_ident(), structures

    def answers(self, prepared: Any) -> list[Any]:
        thread, structures = prepared
        atoms = sum(len(structure.numbers) for structure in structures)
        numbers = np.concatenate([structure.numbers for structure in structures])
        if CERIUM in numbers:
            raise ValueError("cerium has no answer")
        if SAMARIUM in numbers and atoms > MOST_SAMARIUM:
            raise RuntimeError("out of memory")
        elsewhere = np.eye(3) * (thread != threading.get_ident())
        return [(float(atoms), structure.positions * 0.5, elsewhere) for structure in structures]
