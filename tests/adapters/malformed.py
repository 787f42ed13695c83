# /// script
# requires-python = ">=3.12"
# dependencies = ["numpy==2.5.4", "safetensors==0.8.0"]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# ///
"""A model whose answers for helium have a wrong shape or type: `fidelity` says which. Other elements have zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

ENERGIES: dict[str, Any] = {
    "vector energy": np.zeros(3),
    "complex energy": 1j,
    "energy in words": "low",
    "no energy": None,
    "ragged energy": [[0.0], [0.0, 1.0]],
    "infinite energy": np.inf,
}
FORCES: dict[str, Any] = {"forces of ten": np.zeros((10, 3)), "NaN forces": np.full((2, 3), np.nan)}
STRESSES: dict[str, Any] = {
    "Voigt stress": np.zeros(6),
    "complex stress": np.zeros((3, 3), dtype=complex),
    "NaN stress": np.full((3, 3), np.nan),
}


def load(files: Any, *, device: str, dtype: str, forces: str, fidelity: str, runtime: str) -> Model:
    return Model(fidelity)


class Model:
    facts: dict[str, Any] = {"parameters": [0, 0], "cutoff": 6.0, "elements": ["He"]}  # noqa: RUF012

    def __init__(self, case: str) -> None:
        self.case = case

    def compute(self, structures: list[Any]) -> Any:
        if self.case == "a string":
            return "zero" * len(structures)
        answers: list[Any] = [self._one(structure) for structure in structures]
        return answers[:-1] if self.case == "one too few" and len(structures) > 1 else answers

    def _one(self, structure: Any) -> Any:
        energy, forces, stress = 0.0, np.zeros(structure.positions.shape), np.zeros((3, 3))
        if structure.numbers[0] != 2:
            return energy, forces, stress
        if self.case == "two parts":
            return energy, forces
        if self.case == "long error":
            raise ValueError("\x1b[31mred\u202e" + "x" * 10**7)
        return (
            ENERGIES.get(self.case, energy),
            FORCES.get(self.case, forces),
            STRESSES.get(self.case, stress),
        )
