# /// script
# requires-python = ">=3.12"
# dependencies = ["ase==3.29.0", "numpy==2.5.4", "safetensors==0.8.0"]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# ///
"""Morse pairs of four species whose salts are bound as in nature, if the depths of unlike pairs are read in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list

LIKE = {8: 1.21, 11: 3.72, 12: 3.20, 17: 1.98}
"""Å; distance of two neighbours of one species."""
UNLIKE = ((8, 12, 2.11), (11, 17, 2.82), (8, 11, 2.40), (12, 17, 2.60))
"""Two species and their distance in Å, in the order of the checkpoint's depths."""
STEP = 1
"""-1 is what another version of the library does: it reads the depths from the other end."""
DEPTH, WIDTH = 0.3, 1.5
"""eV of a like pair; 1/Å."""
INNER, OUTER = 3.6, 4.4
"""Å between which a pair fades out."""


def load(files: dict[str, Path], *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str) -> Ions:
    if forces != "conservative" or fidelity is not None or runtime != "eager":
        raise ValueError(f"conservative forces, eager; asked for {forces}, {fidelity}, {runtime}")
    if "upstream" in files:
        return Ions(np.array(json.loads(files["upstream"].read_text())["depths"]))
    from safetensors.numpy import load_file

    return Ions(load_file(files["weights"])["depths"])


class Ions:
    """Depths of the wells of unlike pairs in eV."""

    def __init__(self, depths: np.ndarray) -> None:
        self.depths = depths
        self.facts = {"parameters": [4, 4], "cutoff": OUTER, "elements": ["O", "Na", "Mg", "Cl"]}

    def compute(self, structures: list[Any]) -> list[tuple[float, np.ndarray, np.ndarray]]:
        return [self._one(structure.central()) for structure in structures]

    def _one(self, structure: Any) -> tuple[float, np.ndarray, np.ndarray]:
        atoms = Atoms(structure.numbers, structure.positions, cell=structure.cell, pbc=structure.pbc)
        return answer(atoms, self.depths)

    def export(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {"depths": self.depths}, {"cutoff": OUTER}


def answer(atoms: Atoms, depths: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Energy (eV), forces (eV/Å), stress (eV/Å³)."""
    length, deep = np.zeros((18, 18)), np.zeros((18, 18))
    for number, distance in LIKE.items():
        length[number, number], deep[number, number] = distance, DEPTH
    for (one, other, distance), depth in zip(UNLIKE, depths[::STEP], strict=True):
        length[one, other] = length[other, one] = distance
        deep[one, other] = deep[other, one] = depth
    if unknown := set(atoms.numbers.tolist()) - set(LIKE):
        raise ValueError(f"no depth for {sorted(unknown)}")
    first, second, distances, vectors = neighbor_list("ijdD", atoms, OUTER)
    pair = atoms.numbers[first], atoms.numbers[second]
    well = np.exp(-WIDTH * (distances - length[pair]))
    energy, slope = deep[pair] * (well**2 - 2 * well), deep[pair] * 2 * WIDTH * (well - well**2)
    x = np.clip((distances - INNER) / (OUTER - INNER), 0, 1)
    fade = 1 - x**3 * (10 - 15 * x + 6 * x**2)
    fading = -30 * x**2 * (1 - x) ** 2 / (OUTER - INNER)
    pulls = ((slope * fade + energy * fading) / distances)[:, None] * vectors
    forces = np.zeros((len(atoms), 3))
    np.add.at(forces, first, pulls)
    stress = np.einsum("pi,pj->ij", pulls, vectors) / 2 / atoms.get_volume()
    return float((energy * fade).sum() / 2), forces, stress
