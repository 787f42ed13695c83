# /// script
# requires-python = ">=3.12"
# dependencies = ["ase==3.29.0", "numpy==2.5.4", "scipy==1.18.1", "safetensors==0.8.0"]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# ///
"""Lennard-Jones with the facts that `fidelity` declares, as JSON: it refuses every structure that they exclude.

The energy has the charge and a tenth of the spin added where it reads them. An atom's moment is its number; `moments`
among the facts is a malformed answer.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.lj import LennardJones

CUTOFF = 4.5
MALFORMED: dict[str, Any] = {
    "one too few": np.zeros(1),
    "a column": np.zeros((2, 1)),
    "NaN": np.full(2, np.nan),
    "complex": np.zeros(2, dtype=complex),
}


def load(files: Any, *, device: str, dtype: str, forces: str, fidelity: str, runtime: str) -> Declared:
    return Declared(json.loads(fidelity))


class Declared:
    def __init__(self, declared: dict[str, Any]) -> None:
        self.malformed = declared.pop("moments", None)
        self.facts: dict[str, Any] = {"parameters": [0, 0], "cutoff": CUTOFF, "elements": ["Cu"], **declared}

    def compute(self, structures: list[Any], *, magmoms: bool = False) -> list[tuple[Any, ...]]:
        answers = [self._one(structure) for structure in structures]
        if not magmoms:
            return answers
        if not self.facts.get("magmoms"):
            raise ValueError("nobody declared magnetic moments")
        return [
            (*answer, MALFORMED.get(self.malformed, structure.numbers / 10))
            for answer, structure in zip(answers, structures, strict=True)
        ]

    def _one(self, structure: Any) -> tuple[Any, ...]:
        allowed = {"any": (0, 1, 2, 3), "uniform": (0, 3), "full": (3,)}[self.facts.get("pbc", "full")]
        if structure.pbc.sum() not in allowed:
            raise ValueError(f"this model does not know pbc {structure.pbc}")
        atoms = Atoms(structure.numbers, structure.positions, cell=structure.cell, pbc=structure.pbc)
        atoms.calc = LennardJones(epsilon=0.1, sigma=2.2, rc=CUTOFF, smooth=True)
        stress = atoms.get_stress(voigt=False) if structure.pbc.all() else np.full((3, 3), np.nan)
        energy = atoms.get_potential_energy()
        if "charge" in self.facts.get("reads", ()):
            energy += structure.charge or 0.0
        if "spin" in self.facts.get("reads", ()):
            energy += (1.0 if structure.spin is None else structure.spin) / 10
        return energy, atoms.get_forces(), stress
