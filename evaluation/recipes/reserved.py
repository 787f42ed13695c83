"""Reserved: structures of the evaluations, which a training never sees, whatever their cell or polymorph."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from evaluation.reference import phonondb
from evaluation.reference.holdout import reduced_formula
from evaluation.tasks import elasticity, formation

if TYPE_CHECKING:
    from ase import Atoms

VOLUME_MARGIN = 0.07
"""Relative distance from an element's equilibrium volume; the equations of state are scored within 6 %."""


@dataclass(frozen=True)
class Reserved:
    """What is held out: compounds by formula, elements by volume."""

    formulas: frozenset[str]
    """Reduced formulas of the compounds of `phonons`, `elasticity` and `formation`."""
    volumes: dict[str, float]
    """Å³ per atom of the elements of `eos`, by symbol."""

    def holds(self, atoms: Atoms) -> bool:
        """Whether a structure is held out."""
        symbols = set(atoms.symbols)
        if len(symbols) > 1:
            return reduced_formula(atoms) in self.formulas
        volume = self.volumes.get(symbols.pop())
        return volume is not None and abs(atoms.get_volume() / len(atoms) / volume - 1) <= VOLUME_MARGIN


@cache
def reserved() -> Reserved:
    """All that the evaluations hold out. Raises DatasetUnavailable."""
    from ase.collections import dcdft

    solids = [solid.atoms for solid in phonondb.solids().values()]
    solids += [sample.atoms for task in (elasticity.TASK, formation.TASK) for sample in task.samples("full")]
    compounds = (atoms for atoms in solids if len(set(atoms.symbols)) > 1)
    elements = ((name, dcdft[name]) for name in dcdft.names)
    return Reserved(
        formulas=frozenset(map(reduced_formula, compounds)),
        volumes={name: atoms.get_volume() / len(atoms) for name, atoms in elements},
    )
