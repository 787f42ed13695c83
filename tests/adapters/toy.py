# /// script
# requires-python = ">=3.12"
# dependencies = ["ase==3.29.0", "numpy==2.5.4", "scipy==1.18.1", "safetensors==0.8.0"]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# ///
"""A small potential that runs anywhere ASE does; a structure with a lanthanide makes it fail in one way:

La raises, Ce kills the process, Pr hangs, Nd prints to the pipe, Pm is always out of memory, Sm beyond 8 atoms,
Gd really takes a terabyte, Tb frees 400 MB but for the last block, Eu gives NaN.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.lj import LennardJones


def load(files: dict[str, Any], *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str) -> Toy:
    print("toy: loading", flush=True)
    if forces == "direct":
        raise ValueError("the toy has no direct forces")
    if "upstream" in files:
        saved = json.loads(files["upstream"].read_text())
        return Toy(np.array([saved["epsilon"]], dtype=np.float32), {"sigma": saved["sigma"]}, saved.get("delay", 0.0))
    from safetensors.numpy import load_file

    return Toy(load_file(files["weights"])["epsilon"], json.loads(files["config"].read_text()))


class Toy:
    def __init__(self, epsilon: np.ndarray, config: dict[str, Any], delay: float = 0.0) -> None:
        self.epsilon, self.config, self.delay, self.kept = epsilon, config, delay, bytearray()
        self.facts = {"parameters": [1, 1], "cutoff": 6.0, "elements": ["H"], "pbc": "any"}

    def compute(self, structures: list[Any]) -> list[tuple[float, np.ndarray, np.ndarray | None]]:
        time.sleep(self.delay)
        n_atoms = sum(len(s.numbers) for s in structures)
        return [self._one(structure, n_atoms) for structure in structures]

    def _one(self, structure: Any, n_atoms: int) -> tuple[float, np.ndarray, np.ndarray | None]:
        first = int(structure.numbers[0])
        if first == 57:
            raise ValueError("lanthanum is refused")
        if first == 58:
            print("cerium: goodbye", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        if first == 59:
            time.sleep(600)
        if first == 60:
            print("neodymium \x00 prints", flush=True)
            os.write(1, b"and writes to file descriptor one\n")
        if first == 64 and n_atoms > 1:
            np.ones(2**40 // 8)
        if first == 65:
            blocks = [bytearray(10**5) for _ in range(4000)]
            self.kept = blocks[-1]
        if first == 61:
            raise MemoryError("promethium is larger")
        if first == 62 and n_atoms > 8:
            raise MemoryError("samarium is large")
        atoms = Atoms(structure.numbers, structure.positions, cell=structure.cell, pbc=structure.pbc)
        atoms.calc = LennardJones(epsilon=float(self.epsilon[0]), sigma=self.config["sigma"], rc=6.0, smooth=True)
        stress = atoms.get_stress(voigt=False) if structure.pbc.all() else np.zeros((3, 3))
        energy = float("nan") if first == 63 else atoms.get_potential_energy()
        return energy, atoms.get_forces(), stress

    def export(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {"epsilon": self.epsilon}, self.config
