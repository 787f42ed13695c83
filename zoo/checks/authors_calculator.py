"""Inside a worker: the authors' own ASE calculator, which a script makes, answers as a family's adapter would.

The script is loaded by its path, in the environment that its header describes; this file imports nothing of ours.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError


def load(
    files: dict[str, Path], *, device: str, dtype: str, forces: str, fidelity: str | None, runtime: str
) -> AuthorsModel:
    """The calculator of the script in `files`, as a model. Raises what the script raises."""
    del device, dtype, forces, fidelity, runtime  # the script knows how its authors run it
    files = dict(files)
    path = files.pop("script")
    spec = importlib.util.spec_from_file_location("authors_script", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    if not callable(getattr(module, "calculator", None)):
        raise ValueError(f"{path.name} has no function 'calculator(files)' that returns an ASE calculator")
    return AuthorsModel(module.calculator(files))


class Given(Protocol):
    """What arrives of a structure; see zoo.runtime.serving.Structure."""

    numbers: np.ndarray
    positions: np.ndarray
    cell: np.ndarray
    pbc: np.ndarray


class AuthorsModel:
    """An ASE calculator that answers lists of structures."""

    def __init__(self, calculator: Calculator) -> None:
        self.calculator = calculator
        self.facts = {"parameters": [0, 0], "cutoff": 1.0, "elements": []}

    def compute(self, structures: list[Given]) -> list[tuple[float, np.ndarray, np.ndarray | None]]:
        return [self._one(structure) for structure in structures]

    def _one(self, structure: Given) -> tuple[float, np.ndarray, np.ndarray | None]:
        atoms = Atoms(structure.numbers, structure.positions, cell=structure.cell, pbc=structure.pbc)
        atoms.calc = self.calculator
        # the energy without extrapolation to zero smearing is ASE's 'energy', the one that forces derive from
        energy, forces = float(atoms.get_potential_energy(force_consistent=False)), atoms.get_forces()
        try:
            stress = np.asarray(atoms.get_stress(voigt=False))
        except (PropertyNotImplementedError, NotImplementedError):
            stress = None
        return energy, np.asarray(forces), stress

    def export(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        raise ValueError("the authors' calculator is no checkpoint")
