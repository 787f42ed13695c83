"""Crystal set: high-symmetry crystals in three tiers, the small ones built by ASE and the rest from PhononDB."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from evaluation.reference import phonondb
from evaluation.reference.canary import CanaryCrystal
from evaluation.subset import Subset, up_to
from zoo.strict import Strict

if TYPE_CHECKING:
    from ase import Atoms


class CrystalSet(Strict):
    """A part of a protocol: which crystals a task runs on. Cubic ones come as their conventional cells."""

    canary: dict[str, CanaryCrystal]
    """By formula."""
    built: dict[str, CanaryCrystal]
    """Further ones of the fast subset, by formula."""
    fast: int
    """Solids of PhononDB in the fast subset: those whose names' hashes come first."""

    def crystals(self, subset: Subset) -> list[tuple[str, Subset, Atoms]]:
        """Name, tier and crystal; tier after tier. Only the canary needs no data set: raises DatasetUnavailable."""
        found: list[tuple[str, Subset, Atoms]] = []
        tiers: tuple[tuple[Subset, dict[str, CanaryCrystal]], ...] = (("canary", self.canary), ("fast", self.built))
        for tier, crystals in tiers:
            found += [(formula, tier, crystal.built(formula, cubic=True)) for formula, crystal in crystals.items()]
        if subset != "canary":
            for place, (name, atoms) in enumerate(self._solids().items()):
                found.append((name, "fast" if place < self.fast else "full", atoms))
        return [one for one in found if one[1] in up_to(subset)]

    def crystal(self, name: str) -> Atoms:
        """The crystal of that name. Raises KeyError, DatasetUnavailable."""
        built = self.canary | self.built
        return built[name].built(name, cubic=True) if name in built else self._solids()[name]

    def _solids(self) -> dict[str, Atoms]:
        """By PhononDB's id, in the order of the ids' hashes, without those that are built here."""
        here = {f"{formula}-{crystal.structure}" for formula, crystal in (self.canary | self.built).items()}
        others = {name: solid.atoms for name, solid in phonondb.solids().items() if name not in here}
        return dict(sorted(others.items(), key=lambda item: hashlib.sha256(item[0].encode()).hexdigest()))
