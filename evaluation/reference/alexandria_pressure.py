"""Alexandria under pressure: crystals that were relaxed with PBE at several pressures, in the data set of that name.

A. Loew et al., Universal machine learning potentials under pressure (2025). The files of all pressures have the same
crystals in the same order.
"""

from __future__ import annotations

import bz2
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluation.reference import dataset
from evaluation.reference.holdout import held_out_frame, reduced_formula
from evaluation.reference.pymatgen_json import crystal

if TYPE_CHECKING:
    from ase import Atoms

DATASET = "alexandria-pressure"


@dataclass(frozen=True)
class Compressed:
    """A crystal at DFT's geometry under a pressure."""

    id: str
    """Alexandria's; the same at every pressure."""
    atoms: Atoms
    """With DFT's forces and stress on its calculator: what its relaxation left, and about minus the pressure."""


def file_of(pressure_gpa: float) -> str:
    """The file of the data set that has this pressure: `050-gpa`."""
    return f"{pressure_gpa:03g}-gpa"


@cache
def held_out(pressure_gpa: float) -> tuple[Compressed, ...]:
    """The crystals that no training on this data set has seen (see `holdout`), in the order of their ids' hashes.

    Raises DatasetUnavailable, and KeyError for a pressure of which the data set has no file.
    """
    with bz2.open(dataset.fetch(DATASET, file_of(pressure_gpa)), "rt") as text:
        entries = json.load(text)["entries"]
    kept = [entry for index, entry in enumerate(entries) if _held_out(entry, index)]
    kept.sort(key=lambda entry: hashlib.sha256(entry["data"]["mat_id"].encode()).hexdigest())
    return tuple(map(_compressed, kept))


def _held_out(entry: Mapping[str, Any], index: int) -> bool:
    return held_out_frame(reduced_formula(crystal(entry["structure"])), index)


def _compressed(entry: Mapping[str, Any]) -> Compressed:
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.stress import full_3x3_to_voigt_6_stress
    from ase.units import GPa

    structure = entry["structure"]
    atoms = crystal(structure)
    forces = np.array([site["properties"]["forces"] for site in structure["sites"]], dtype=float)
    # in kbar with VASP's sign
    stress = -np.array(entry["data"]["stress"]) * 0.1 * GPa
    atoms.calc = SinglePointCalculator(atoms, forces=forces, stress=full_3x3_to_voigt_6_stress(stress))
    return Compressed(entry["data"]["mat_id"], atoms)
