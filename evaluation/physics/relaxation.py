"""Relaxation: how to relax a crystal, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ase import Atoms

    from zoo.batch import Array, StructureFailure


@dataclass(frozen=True)
class Relaxation:
    """How to relax."""

    fmax: float
    """eV/Å: converged when every atom's force and every row of the cell's gradient are shorter (ASE's rule for
    FrechetCellFilter)."""
    steps: int
    """Largest number of steps."""
    optimizer: Literal["fire", "lbfgs"] = "fire"
    cell: Literal["full", "fixed", "no-tilt"] = "full"
    """no-tilt: only xx, yy and zz of the strain are free."""
    symprec: float | None = None
    """Å: keep the space group found at this precision, and start from the structure made exact in it; None: keep no
    symmetry."""
    pressure: float = 0.0
    """External hydrostatic pressure, eV/Å³."""


@dataclass(frozen=True)
class Relaxed:
    """What became of one crystal. The three lists have one number per evaluation: the start and then every step."""

    atoms: Atoms | None
    """Final structure, converged or not; None when the model failed."""
    converged: bool
    steps: int
    energies: list[float]
    """eV, of the potential alone, without pV."""
    max_forces: list[float]
    """eV/Å: longest force on an atom, as the optimiser has it (in the frame of the starting cell, after symmetry)."""
    max_cell_forces: list[float]
    """eV/Å: longest row of the cell's generalised forces, as FrechetCellFilter has them; empty for a fixed cell."""
    error: StructureFailure | None
    force_calls: int
    """Evaluations of the model, with those that a wrapper needs for one answer."""
    seconds: float
    """This crystal's share, by atoms, of the model's compute time."""
    stress: Array | None = None
    """(3, 3), eV/Å³: the potential's own for the final structure, whatever symmetry or cell was kept; None when the
    model failed or has none."""
