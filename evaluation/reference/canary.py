"""Canary: crystals that ASE builds, for the subset of a task that needs no download."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from evaluation.task import Sample
from zoo.strict import Strict

if TYPE_CHECKING:
    from ase import Atoms


class CanaryCrystal(Strict):
    """What `ase.build.bulk` needs besides the formula, which is the sample's name."""

    structure: Literal["rocksalt", "diamond", "fcc", "bcc", "fluorite", "cesiumchloride"]
    a: float
    """Å, of the conventional cell."""

    def built(self, formula: str, *, cubic: bool = False) -> Atoms:
        """The primitive cell, or the conventional one."""
        from ase.build import bulk

        return bulk(formula, self.structure, a=self.a, cubic=cubic)


def canaries(crystals: Mapping[str, CanaryCrystal]) -> list[Sample]:
    """Samples of a protocol's canary crystals, primitive cells, in its order."""
    return [Sample(id=name, atoms=crystal.built(name), subset="canary") for name, crystal in crystals.items()]
