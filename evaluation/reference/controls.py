"""Controls: crystals of known stability, built here; some must fall out of their structure, the others must not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from evaluation.subset import Subset
from zoo.strict import Strict

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

Expected = Literal["breaks", "holds"]

_FACE_CENTRED = ((0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0))
_BODY_CENTRED = ((-0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0.5, 0.5, -0.5))
_SIMPLE = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_LATTICES = {"bcc": _BODY_CENTRED, "perovskite": _SIMPLE}
_CORNERS = ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0))
"""A, B and three X of ABX3."""


class Control(Strict):
    """One such crystal, cubic; the formula stands before the hyphen of its name."""

    structure: Literal["fcc", "bcc", "diamond", "rocksalt", "zincblende", "perovskite"]
    a: float
    """Å, of the conventional cell."""
    space_group: int
    """International number."""
    subset: Subset
    expected: Expected
    cell: Literal["full", "fixed"] = "full"
    """fixed: the strain that makes the crystal unstable must not relax away."""

    def built(self, name: str) -> Atoms:
        """The primitive cell."""
        from ase import Atoms
        from ase.build import bulk

        formula = name.partition("-")[0]
        if self.structure == "perovskite":
            return Atoms(formula, cell=[self.a] * 3, scaled_positions=_CORNERS, pbc=True)
        return bulk(formula, self.structure, a=self.a)

    @property
    def primitive_matrix(self) -> Array:
        """(3, 3), phonopy's: from the conventional cell to that of `built`."""
        return np.array(_LATTICES.get(self.structure, _FACE_CENTRED))
