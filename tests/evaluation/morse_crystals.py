"""Morse crystals of a canary, each at rest where its protocol builds it: a sound potential with known minima."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from tests.evaluation.morse_crystal import DIAMOND, ROCKSALT, MorseCrystal
from zoo.batch import Batch, StructureFailure
from zoo.wrappers.synthetic_errors import Pairs

FCC = (1 / np.sqrt(2), 1.0)


class SmallMorseCrystal(MorseCrystal):
    """With a search for neighbours within 5 Å that takes a sixth of the time in cells of a few atoms."""

    def _neighbours(self, atoms: Atoms, cutoff: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        pairs = Pairs.of(atoms)
        near = pairs.distances < cutoff
        return pairs.first[near], pairs.distances[near], pairs.vectors[near]


CRYSTALS = {
    "MgO": SmallMorseCrystal(4.25566, ROCKSALT),
    "NaCl": SmallMorseCrystal(5.65090, ROCKSALT),
    "Si": SmallMorseCrystal(5.46952, DIAMOND),
    "Cu": SmallMorseCrystal(3.62930, FCC),
}
"""At the lattice constants (Å) of the canaries."""


class MorseCrystals:
    """Which crystal it is follows from the elements. Compositions in `unknown` it does not know, `broken` ones fail."""

    def __init__(self, *, unknown: Sequence[str] = (), broken: Sequence[str] = ()) -> None:
        self.unknown, self.broken = unknown, broken

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        names = [str(each.symbols.formula.reduce()[0]) for each in atoms]
        parts = [CRYSTALS[name].compute([each]) for name, each in zip(names, atoms, strict=True)]
        return Batch(
            energies=np.array([part.energies[0] for part in parts]),
            forces=[part.forces[0] for part in parts],
            stresses=np.array([part.stresses[0] for part in parts if part.stresses is not None]),
            errors=[
                StructureFailure("unsupported", "not that")
                if name in self.unknown
                else StructureFailure("failed", "it broke")
                if name in self.broken
                else None
                for name in names
            ],
            seconds=1.0,
        )
