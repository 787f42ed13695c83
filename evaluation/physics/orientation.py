"""Orientation: relaxation and phonons of a crystal, begun anew in every orientation.

Each orientation is one run of the whole workflow, from the same crystal, rotated: relaxation of the perfect structure,
phonons of what comes of it, and relaxation of a distorted structure (the same distortion, rotated with it). Phonons
come from the full set of displacements: every atom of the primitive cell by ± along each axis, no symmetry used, since
the reduced set would put back the symmetry whose loss is to be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from evaluation.physics import phonons
from evaluation.physics.relax import relax
from evaluation.physics.relaxation import Relaxation, Relaxed
from zoo.batch import StructureFailure
from zoo.wrappers.rotation import rotated

if TYPE_CHECKING:
    from ase import Atoms

    from zoo.batch import Computes

Array = NDArray[np.float64]
Matrix = NDArray[np.int64]


@dataclass(frozen=True)
class Case:
    """A crystal as it is before it is rotated."""

    atoms: Atoms
    """Primitive cell, perfect."""
    distorted: Atoms
    """The same cell without any symmetry."""
    supercell_matrix: Matrix
    """(3, 3), phonopy's, of the primitive cell."""
    cell: Literal["full", "fixed"]
    """Whether the cell relaxes."""
    keeps_group: bool
    """Whether the perfect structure is relaxed with its space group kept. An unstable crystal must be: it is a saddle
    point, and rounding errors would push it off, in an arbitrary direction. The distorted one never is."""

    @property
    def crystal(self) -> phonons.PhononCrystal:
        """For phonons, unrelaxed."""
        return self.with_atoms(self.atoms)

    def with_atoms(self, atoms: Atoms) -> phonons.PhononCrystal:
        """For phonons of other atoms in the same cells; symprec is not used, no symmetry is."""
        return phonons.PhononCrystal(atoms, self.supercell_matrix, np.eye(3), symprec=1e-5)


@dataclass(frozen=True)
class OrientationSettings:
    """How the workflow runs; its numbers are the protocol's."""

    rotations: Array
    """(n, 3, 3), orthogonal; the improper ones invert the crystal as well."""
    fmax: float
    """eV/Å, of the perfect start."""
    distorted_fmax: float
    """eV/Å, of the distorted start."""
    steps: int
    optimizer: Literal["fire", "lbfgs"]
    symprec: float
    """Å: of the group that `Case.keeps_group` keeps."""
    displacement: float
    """Å"""


@dataclass(frozen=True)
class OrientationOutcome:
    """One orientation of one crystal."""

    relaxed: Relaxed
    """From the perfect start."""
    distorted: Relaxed
    """From the distorted start; its failure is no failure of the rest."""
    frequencies: Array | None
    """(n_q, n_modes), THz, imaginary ones negative, of `relaxed` at the commensurate q points; None with an `error`."""
    error: StructureFailure | None
    """Why there are no frequencies."""
    force_calls: int
    """Of all three parts."""
    atom_calls: int
    seconds: float


def workflows(
    potential: Computes, cases: Sequence[Case], settings: OrientationSettings
) -> list[list[OrientationOutcome]]:
    """The outcomes of each case in each orientation, in order. All relaxations of a kind share one batch."""
    places = [(i, j) for i in range(len(cases)) for j in range(len(settings.rotations))]
    perfect = _relaxations(potential, cases, settings, places, distorted=False)
    distorted = _relaxations(potential, cases, settings, places, distorted=True)
    plans = [_plan(cases[place[0]], relaxed, settings) for place, relaxed in zip(places, perfect, strict=True)]
    streams = [[] if plan is None else phonons.supercells(*plan) for plan in plans]
    stream = [atoms for cells in streams for atoms in cells]
    answers = potential.compute(stream) if stream else None
    found: list[list[OrientationOutcome]] = [[] for _ in cases]
    first = 0
    for (i, _), ideal, free, plan, cells in zip(places, perfect, distorted, plans, streams, strict=True):
        rows = slice(first, first + len(cells))
        first += len(cells)
        frequencies: Array | None = None
        error: StructureFailure | None = ideal.error or StructureFailure("failed", "the relaxation gave no structure")
        calls, seconds = np.zeros(0, dtype=np.int64), 0.0
        if plan is not None and answers is not None:
            error = next(filter(None, answers.errors[rows]), None)
            if error is None:
                frequencies, error = _frequencies(*plan, np.array(answers.forces[rows]))
            calls, seconds = answers.calls[rows], float(answers.share_seconds()[rows].sum())
        relaxing = ideal.force_calls + free.force_calls
        found[i].append(
            OrientationOutcome(
                relaxed=ideal,
                distorted=free,
                frequencies=frequencies,
                error=error,
                force_calls=relaxing + int(calls.sum()),
                atom_calls=relaxing * len(cases[i].atoms) + int(calls.sum()) * (len(cells[0]) if cells else 0),
                seconds=ideal.seconds + free.seconds + seconds,
            )
        )
    return found


def _relaxations(
    potential: Computes,
    cases: Sequence[Case],
    settings: OrientationSettings,
    places: Sequence[tuple[int, int]],
    *,
    distorted: bool,
) -> list[Relaxed]:
    """One for each place, in order."""
    groups: dict[Relaxation, list[int]] = {}
    for index, (i, _) in enumerate(places):
        how = Relaxation(
            fmax=settings.distorted_fmax if distorted else settings.fmax,
            steps=settings.steps,
            optimizer=settings.optimizer,
            cell=cases[i].cell,
            symprec=settings.symprec if cases[i].keeps_group and not distorted else None,
        )
        groups.setdefault(how, []).append(index)
    found: dict[int, Relaxed] = {}
    for how, members in groups.items():
        starts = []
        for i, j in (places[index] for index in members):
            upright = cases[i].distorted if distorted else cases[i].atoms
            starts.append(rotated(upright, settings.rotations[j]))
        found |= dict(zip(members, relax(potential, starts, how), strict=True))
    return [found[index] for index in range(len(places))]


def _plan(
    case: Case, relaxed: Relaxed, settings: OrientationSettings
) -> tuple[phonons.PhononCrystal, phonons.Displacements] | None:
    if relaxed.atoms is None or relaxed.error:
        return None
    crystal = case.with_atoms(relaxed.atoms)
    return crystal, phonons.full_displacements(crystal, distance=settings.displacement)


def _frequencies(
    crystal: phonons.PhononCrystal, moved: phonons.Displacements, forces: Array
) -> tuple[Array | None, StructureFailure | None]:
    if not np.isfinite(forces).all():
        return None, StructureFailure("failed", "a force in a displaced supercell is not a number")
    qpoints = phonons.commensurate(crystal)
    return phonons.full_set_frequencies(crystal, moved, forces, qpoints=qpoints), None
