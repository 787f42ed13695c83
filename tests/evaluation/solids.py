"""Solids made up for the tests, in the place of PhononDB's."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from evaluation.physics.phonons import PhononCrystal
from evaluation.reference.phonondb import STRUCTURES, Solid

GROUPS = {name: number for number, name in STRUCTURES.items()}


def solid(name: str, *, structure: str, crystal: PhononCrystal | None = None) -> Solid:
    """A solid with the cells of `crystal`, or with none to speak of."""
    eye = np.eye(3, dtype=np.int64)
    return Solid(
        id=name,
        mp_id="mp-0",
        structure=structure,
        space_group=GROUPS[structure],
        atoms=crystal.atoms if crystal else Atoms(),
        fc2_supercell=crystal.supercell_matrix if crystal else eye,
        fc3_supercell=eye,
        primitive_matrix=crystal.primitive_matrix if crystal else np.eye(3),
        mesh=np.full(3, 19),
    )
