"""Geometry: how far a relaxed crystal is from its reference, and whether it kept the reference's symmetry."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.symmetry_finder import find_symmetry

NO_MATCH = 1.0
"""What `rmsd` is where the two crystals are not the same structure, as Matbench Discovery counts it."""


class Crystal(NamedTuple):
    """A structure that is periodic in three directions."""

    numbers: NDArray[np.int64]
    """(n,), atomic numbers."""
    cell: NDArray[np.float64]
    """(3, 3), rows, Å."""
    positions: NDArray[np.float64]
    """(n, 3), Å."""


def rmsd(predicted: Crystal, reference: Crystal) -> float:
    """Root-mean-square displacement of the atoms after the best match, in units of (volume per atom)^(1/3).

    pymatgen's StructureMatcher with stol 1.0, without scaling to equal volume, otherwise its defaults, as Matbench
    Discovery has it (J. Riebesell et al., Nat. Mach. Intell. 7, 836 (2025)). NO_MATCH where it finds no match.
    Both are reduced to primitive cells first; atoms that lattice translations bring within 0.25 Å of each other are
    averaged there, so that displacements which break translations alone do not show.
    """
    from pymatgen.analysis.structure_matcher import StructureMatcher

    found = StructureMatcher(stol=1.0, scale=False).get_rms_dist(_structure(predicted), _structure(reference))
    return NO_MATCH if found is None else float(found[0])


def volume_error(predicted: Crystal, reference: Crystal) -> float:
    """Relative error of the volume, %, with its sign."""
    return float((np.linalg.det(predicted.cell) / np.linalg.det(reference.cell) - 1) * 100)


def lattice_error(predicted: Crystal, reference: Crystal) -> float:
    """Mean absolute relative error of the three cell lengths, %; both cells are settings of one lattice."""
    lengths, expected = np.linalg.norm(predicted.cell, axis=1), np.linalg.norm(reference.cell, axis=1)
    return float(np.abs(lengths / expected - 1).mean() * 100)


Change = Literal["match", "decrease", "increase"]


class SpaceGroup(NamedTuple):
    """What a symmetry finder sees at one precision."""

    number: int
    operations: int


def space_group(crystal: Crystal, symprec: float) -> SpaceGroup | None:
    """Space group at `symprec` (Å); None where the search fails (see `find_symmetry`)."""
    fractional = crystal.positions @ np.linalg.inv(crystal.cell)
    try:
        found = find_symmetry(crystal.cell, fractional, crystal.numbers, symprec=symprec)
    except ValueError:
        return None
    return SpaceGroup(int(found.number), len(found.operations))


def symmetry_change(predicted: SpaceGroup | None, reference: SpaceGroup | None) -> Change | None:
    """Same group, another one with fewer operations, or another one with at least as many; None where one is unknown.

    The definition of Matbench Discovery; both groups are those of cells with the same number of atoms.
    """
    if predicted is None or reference is None:
        return None
    if predicted.number == reference.number:
        return "match"
    return "decrease" if predicted.operations < reference.operations else "increase"


def _structure(crystal: Crystal) -> object:
    from pymatgen.core import Structure

    return Structure(crystal.cell, crystal.numbers, crystal.positions, coords_are_cartesian=True)
