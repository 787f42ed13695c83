"""Elastic response: the stress of crystals under small strains, cell held and atoms relaxed.

What follows from it, the elastic tensor and its moduli, is `evaluation.metrics.elastic`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from evaluation.physics.relax import relax
from evaluation.physics.relaxation import Relaxation, Relaxed
from zoo.batch import StructureFailure

if TYPE_CHECKING:
    from ase import Atoms

    from zoo.batch import Array, Computes

VOIGT = ("xx", "yy", "zz", "yz", "xz", "xy")


@dataclass(frozen=True)
class Response:
    """A crystal without strain, and under each of the strains."""

    unstrained: Relaxed
    strained: tuple[Relaxed, ...]
    """One for each strain, in order; empty when the unstrained crystal failed."""
    error: StructureFailure | None
    """Of the first relaxation that failed, with its strain."""

    @property
    def converged(self) -> bool:
        """Whether every relaxation reached its force threshold."""
        return all(each.converged for each in (self.unstrained, *self.strained))

    @property
    def force_calls(self) -> int:
        """Evaluations of the model."""
        return sum(each.force_calls for each in (self.unstrained, *self.strained))

    @property
    def seconds(self) -> float:
        """This crystal's share of the model's compute time."""
        return sum(each.seconds for each in (self.unstrained, *self.strained))

    @property
    def stresses(self) -> Array:
        """(m, 6), eV/Å³, tensile positive, in Voigt's order. Of a response without error."""
        from ase.stress import full_3x3_to_voigt_6_stress

        return np.array([full_3x3_to_voigt_6_stress(each.stress) for each in self.strained])


def one_by_one(normal: Sequence[float], shear: Sequence[float]) -> Array:
    """Strains (m, 6) of one Voigt component each: xx, yy and zz through all of `normal`, then yz, xz, xy of `shear`.

    A shear is an engineering strain, γ = 2ε: the sum of the two equal components of the strain tensor.
    """
    amounts = [normal] * 3 + [shear] * 3
    return np.array([amount * np.eye(6)[component] for component in range(6) for amount in amounts[component]])


def respond(
    potential: Computes, crystals: Sequence[Atoms], *, strains: Array, relaxation: Relaxation
) -> list[Response]:
    """Relax crystals as `relaxation` says, strain each in turn, relax the atoms in the strained cell.

    `strains` (m, 6): symmetric small strains against the relaxed cell, Voigt's order, shears γ = 2ε.
    The strained structures of all crystals share the potential's batches. One Response per crystal, in order; what
    fails stops only its own crystal. A relaxation that does not converge is no failure.
    Raises what `relax` raises.
    """
    starts = relax(potential, crystals, relaxation)
    waiting = [
        strained(start.atoms, strain) for start in starts if start.error is None and start.atoms for strain in strains
    ]
    finished = iter(relax(potential, waiting, replace(relaxation, cell="fixed", pressure=0.0)))
    found = []
    for start in starts:
        if start.error is not None:
            found.append(Response(start, (), start.error))
            continue
        under = tuple(next(finished) for _ in strains)
        errors = (_error(each, strain) for each, strain in zip(under, strains, strict=True))
        found.append(Response(start, under, next((error for error in errors if error), None)))
    return found


def strained(atoms: Atoms, strain: Array) -> Atoms:
    """The crystal under a strain (6,), atoms carried along: cell vectors a → (1 + ε) a."""
    xx, yy, zz, yz, xz, xy = strain
    deformation = np.eye(3) + np.array([[xx, xy / 2, xz / 2], [xy / 2, yy, yz / 2], [xz / 2, yz / 2, zz]])
    found: Atoms = atoms.copy()
    found.set_cell(atoms.cell.array @ deformation, scale_atoms=True)
    return found


def _error(relaxed: Relaxed, strain: Array) -> StructureFailure | None:
    error = relaxed.error
    if error is None and (relaxed.stress is None or not np.isfinite(relaxed.stress).all()):
        error = StructureFailure("failed", "the stress is not a number")
    if error is None:
        return None
    parts = ", ".join(f"{VOIGT[place]} {strain[place]:+.3f}" for place in np.flatnonzero(strain))
    return replace(error, message=f"{error.message} (strain {parts})")
