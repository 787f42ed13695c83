"""PhononDB: the 103 binary solids of the data set `phonondb103`, with their cells, PBE spectra and conductivities."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evaluation.reference import dataset

if TYPE_CHECKING:
    from ase import Atoms

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

DATASET = "phonondb103"
STRUCTURES = {225: "rocksalt", 216: "zincblende", 186: "wurtzite"}
"""By space group number, which tells these binary solids apart."""


@dataclass(frozen=True)
class Solid:
    """One solid, DFT-relaxed, and the cells that its phonons were computed in. Matrices are phonopy's."""

    id: str
    """Composition and structure, `BeO-wurtzite`: unique among the 103."""
    mp_id: str | None
    """Materials Project's, or `no-mp-N`; None for a crystal that is not of the data set."""
    structure: str
    """rocksalt, zincblende or wurtzite."""
    space_group: int
    """International number."""
    atoms: Atoms
    """Unit cell, without `info`: conventional for the cubic ones."""
    fc2_supercell: Integers
    """(3, 3)."""
    fc3_supercell: Integers
    """(3, 3)."""
    primitive_matrix: Array
    """(3, 3)."""
    mesh: Integers
    """(3,) q points along each reciprocal axis."""

    @property
    def composition(self) -> str:
        return self.id.partition("-")[0]


@dataclass(frozen=True)
class Spectrum:
    """Harmonic frequencies on the irreducible points of a mesh, without the non-analytic correction."""

    qpoints: Array
    """(n_q, 3), fractional in the primitive cell."""
    weights: Array
    """(n_q,): points of the full mesh that each stands for."""
    frequencies: Array
    """(n_q, n_modes), THz, ascending."""


@dataclass(frozen=True)
class ConductivityReference:
    """PBE's phonons and conductivity (no non-analytic correction, 300 K, Wigner transport)."""

    spectrum: Spectrum
    addresses: Integers
    """(n_q, 3): its q points in units of 1/mesh."""
    kappa: float
    """Directional average, W/(m·K)."""
    mode_kappa: Array
    """(n_q, n_modes), W/(m·K): summed over the points that each irreducible point stands for."""


@cache
def solids() -> dict[str, Solid]:
    """All solids by id, in the data set's order. Raises DatasetUnavailable."""
    from ase.io import read

    images = read(dataset.fetch(DATASET, "structures"), ":", format="extxyz")
    return {solid.id: solid for solid in map(_solid, images)}


@cache
def references() -> dict[str, ConductivityReference]:
    """PBE's figures by the solid's id. Raises DatasetUnavailable."""
    with gzip.open(dataset.fetch(DATASET, "kappa"), "rt", encoding="utf-8") as file:
        columns = json.load(file)
    rows = {mp_id: row for row, mp_id in columns["mp_id"].items()}
    return {solid.id: _reference(columns, rows[solid.mp_id]) for solid in solids().values()}


@cache
def spectra() -> dict[str, Spectrum]:
    """PBE's spectra by the solid's id. Raises DatasetUnavailable."""
    return {name: reference.spectrum for name, reference in references().items()}


def _solid(image: Atoms) -> Solid:
    about = image.info
    space_group = int(about["symm.no"])
    structure = STRUCTURES[space_group]
    atoms: Atoms = image.copy()
    atoms.info = {}
    return Solid(
        id=f"{about['name']}-{structure}",
        mp_id=str(about["mp_id"]),
        structure=structure,
        space_group=space_group,
        atoms=atoms,
        fc2_supercell=np.array(about["fc2_supercell"], dtype=np.int64),
        fc3_supercell=np.array(about["fc3_supercell"], dtype=np.int64),
        # wurtzite's cell is primitive already
        primitive_matrix=np.array(about.get("primitive_matrix", np.eye(3)), dtype=float),
        mesh=np.array(about["q_mesh"], dtype=np.int64),
    )


def _reference(columns: dict[str, dict[str, Any]], row: str) -> ConductivityReference:
    spectrum = Spectrum(*(np.array(columns[name][row], dtype=float) for name in ("qpoints", "weights", "frequencies")))
    return ConductivityReference(
        spectrum=spectrum,
        addresses=np.rint(spectrum.qpoints * np.array(columns["q_mesh"][row])).astype(np.int64),
        # the one temperature is 300 K
        kappa=float(columns["kappa_TOT_ave"][row][0]),
        mode_kappa=np.array(columns["mode_kappa_TOT_ave"][row], dtype=float)[0],
    )
