"""PhononDB's conductivities: the 103 binary solids of the data set `phonondb103`, with what DFT gives, mode by mode."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evaluation import dataset

if TYPE_CHECKING:
    from ase import Atoms

NAME = "phonondb103"
STRUCTURES = {225: "rocksalt", 216: "zincblende", 186: "wurtzite"}
"""Names of the three space groups."""


@dataclass(frozen=True)
class Solid:
    """A DFT-relaxed cell and what its phonons were computed on."""

    id: str
    """Composition and structure, `LiF-rocksalt`: unique among the 103."""
    mp_id: str | None
    """Materials Project's, or `no-mp-N`."""
    structure: str
    """rocksalt, zincblende or wurtzite."""
    space_group: int
    """International number."""
    atoms: Atoms
    """Without `info`."""
    fc2_supercell: NDArray[np.int64]
    """(3, 3)."""
    fc3_supercell: NDArray[np.int64]
    """(3, 3)."""
    primitive_matrix: NDArray[np.float64]
    """(3, 3)."""
    mesh: NDArray[np.int64]
    """(3,)."""


@dataclass(frozen=True)
class Reference:
    """DFT's phonons and conductivity (PBE, no non-analytical correction, 300 K, Wigner transport)."""

    kappa: float
    """Directional average, W/(m·K)."""
    mode_kappa: NDArray[np.float64]
    """(q, b), W/(m·K): summed over the points that each irreducible point stands for."""
    weights: NDArray[np.int64]
    """(q,)."""
    frequencies: NDArray[np.float64]
    """(q, b), THz."""
    addresses: NDArray[np.int64]
    """(q, 3): q-points in units of 1/mesh."""


@cache
def solids() -> dict[str, Solid]:
    """All solids by id, in the data set's order. Raises DatasetUnavailable."""
    import ase.io

    path = dataset.fetch(NAME, "structures")
    found = [_solid(atoms) for atoms in ase.io.read(path, index=":", format="extxyz")]
    return {solid.id: solid for solid in found}


@cache
def references() -> dict[str, Reference]:
    """All references by id. Raises DatasetUnavailable."""
    with gzip.open(dataset.fetch(NAME, "kappa"), "rt", encoding="utf-8") as file:
        columns = json.load(file)
    rows = {mp_id: row for row, mp_id in columns["mp_id"].items()}
    return {solid.id: _reference(columns, rows[solid.mp_id]) for solid in solids().values()}


def _solid(read: Atoms) -> Solid:
    from ase import Atoms

    about = read.info
    space_group = int(about["symm.no"])
    structure = STRUCTURES[space_group]
    return Solid(
        id=f"{about['name']}-{structure}",
        mp_id=str(about["mp_id"]),
        structure=structure,
        space_group=space_group,
        atoms=Atoms(read.numbers, positions=read.positions, cell=read.cell, pbc=True),
        fc2_supercell=np.array(about["fc2_supercell"], dtype=np.int64),
        fc3_supercell=np.array(about["fc3_supercell"], dtype=np.int64),
        # wurtzite's cell is primitive already
        primitive_matrix=np.array(about.get("primitive_matrix", np.eye(3)), dtype=float),
        mesh=np.array(about["q_mesh"], dtype=np.int64),
    )


def _reference(columns: dict[str, dict[str, Any]], row: str) -> Reference:
    # the one temperature is 300 K
    qpoints, mesh = np.array(columns["qpoints"][row]), np.array(columns["q_mesh"][row])
    return Reference(
        kappa=float(np.array(columns["kappa_TOT_ave"][row])[0]),
        mode_kappa=np.array(columns["mode_kappa_TOT_ave"][row], dtype=float)[0],
        weights=np.array(columns["weights"][row], dtype=np.int64),
        frequencies=np.array(columns["frequencies"][row], dtype=float),
        addresses=np.rint(qpoints * mesh).astype(np.int64),
    )
