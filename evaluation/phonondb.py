"""PhononDB: the 103 binary solids of the `phonondb103` data set, with their supercells and PBE spectra."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evaluation import dataset

if TYPE_CHECKING:
    from ase import Atoms

    Array = NDArray[np.float64]

DATASET = "phonondb103"
STRUCTURES = {225: "rocksalt", 216: "zincblende", 186: "wurtzite"}
"""By space group number, which tells these binary solids apart."""


@dataclass(frozen=True)
class Solid:
    """One solid, DFT-relaxed, and the cells that its phonons were computed in."""

    id: str
    """Composition and structure, `BeO-wurtzite`: unique among the 103."""
    mp_id: str
    structure: str
    atoms: Atoms
    """Unit cell: conventional for the cubic ones."""
    supercell_matrix: NDArray[np.int64]
    """(3, 3), of the second-order force constants."""
    primitive_matrix: Array
    """(3, 3)."""


@dataclass(frozen=True)
class Spectrum:
    """Harmonic frequencies on the irreducible points of the reference's mesh, without the non-analytic correction."""

    qpoints: Array
    """(n_q, 3), fractional in the primitive cell."""
    weights: Array
    """(n_q,): points of the full mesh that each stands for."""
    frequencies: Array
    """(n_q, n_modes), THz, ascending."""


@cache
def solids() -> dict[str, Solid]:
    """All solids by id. Raises DatasetUnavailable."""
    from ase.io import read

    images = read(dataset.fetch(DATASET, "structures"), ":", format="extxyz")
    return {solid.id: solid for solid in map(_solid, images)}


@cache
def spectra() -> dict[str, Spectrum]:
    """PBE spectra by the solid's id. Raises DatasetUnavailable."""
    with gzip.open(dataset.fetch(DATASET, "kappa"), "rt", encoding="utf-8") as file:
        columns = json.load(file)
    rows = {mp_id: row for row, mp_id in columns["mp_id"].items()}
    return {solid.id: _spectrum(columns, rows[solid.mp_id]) for solid in solids().values()}


def _solid(image: Atoms) -> Solid:
    info, structure = image.info, STRUCTURES[int(image.info["symm.no"])]
    atoms: Atoms = image.copy()
    atoms.info = {}
    return Solid(
        id=f"{info['name']}-{structure}",
        mp_id=info["mp_id"],
        structure=structure,
        atoms=atoms,
        supercell_matrix=np.array(info["fc2_supercell"]),
        primitive_matrix=np.array(info.get("primitive_matrix", np.eye(3))),
    )


def _spectrum(columns: dict[str, dict[str, list[float]]], row: str) -> Spectrum:
    return Spectrum(*(np.array(columns[name][row], dtype=float) for name in ("qpoints", "weights", "frequencies")))
