"""Descent: one crystal's way down by several optimisers, and what the energy says where direct forces left it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from evaluation.physics.other_mode import mode_of, other_head
from evaluation.physics.relax import relax
from evaluation.physics.relaxation import Relaxation, Relaxed
from zoo.wrappers.energy_only import EnergyOnly

if TYPE_CHECKING:
    from ase import Atoms

    from zoo.batch import Batch, Computes

Array = NDArray[np.float64]
OptimizerName = Literal["fire", "lbfgs"]
CONSERVATIVE_HEAD = "conservative head"
ENERGY_DIFFERENCES = "energy differences"
NOT_DIRECT = "the mode's forces are no direct ones"


@dataclass(frozen=True)
class Gradient:
    """Forces and stress as the mode has them, and as the energy does, at the end of a descent."""

    at: OptimizerName
    """Whose end it is."""
    source: str
    """Where the gradient comes from: CONSERVATIVE_HEAD or ENERGY_DIFFERENCES."""
    energy: float
    """eV, of that source."""
    forces: Array
    """(n, 3), eV/Å, of the mode."""
    gradient: Array
    """(n, 3), eV/Å: minus the energy's gradient."""
    stress: Array | None
    """(3, 3), eV/Å³, of the mode; None where there is none."""
    energy_stress: Array | None
    """(3, 3), eV/Å³: the energy's derivative by strain, per volume."""


@dataclass(frozen=True)
class Descents:
    """What became of one crystal."""

    by: dict[OptimizerName, Relaxed]
    conservative: Relaxed | None
    """By the first optimiser, along the forces of the checkpoint's other head; None unless that is conservative."""
    gradient: Gradient | None
    reason: str | None
    """Why there is no gradient."""
    further_calls: int
    """Evaluations of the mode besides those of the descents."""
    further_seconds: float


def descend(
    potential: Computes,
    crystals: Sequence[Atoms],
    settings: Relaxation,
    *,
    optimizers: Sequence[OptimizerName],
    step: float,
    strain: float,
) -> list[Descents]:
    """Relax each crystal by each optimiser; where forces are direct, also ask what the energy says.

    The gradient comes from the checkpoint's conservative head where it has one, else from central differences of the
    energy by `step` (Å) and `strain` (evaluation is 6N + 13 calls for N atoms). Raises what `relax` raises.
    """
    ways = {name: relax(potential, crystals, replace(settings, optimizer=name)) for name in optimizers}
    by = [{name: found[place] for name, found in ways.items()} for place in range(len(crystals))]
    mode = mode_of(potential)
    if mode is None or mode.forces != "direct":
        return [Descents(each, None, None, NOT_DIRECT, 0, 0.0) for each in by]
    ends = {place: found for place, each in enumerate(by) if (found := _end(each))}
    made: list[Descents] = [Descents(each, None, None, "no descent came to an end", 0, 0.0) for each in by]
    if not ends:
        return made
    beside = other_head(potential)
    source = ENERGY_DIFFERENCES if beside is None else CONSERVATIVE_HEAD
    atoms = [end for _, end in ends.values()]
    with nullcontext(EnergyOnly(potential, step=step, strain=strain)) if beside is None else beside as computes:
        asked, told = potential.compute(atoms), computes.compute(atoms)
        conservative: Sequence[Relaxed | None] = [None] * len(crystals)
        if beside is not None:
            conservative = relax(computes, crystals, replace(settings, optimizer=optimizers[0]))
    # the other head's calls are another mode's cost; differences of the energy are this one's
    own = [asked] if beside is not None else [asked, told]
    for row, (place, (name, _)) in enumerate(ends.items()):
        error = asked.errors[row] or told.errors[row]
        made[place] = Descents(
            by=by[place],
            conservative=conservative[place],
            gradient=None if error else _gradient(name, source, asked, told, row),
            reason=None if error is None else str(error),
            further_calls=sum(int(batch.calls[row]) for batch in own),
            further_seconds=sum(float(batch.share_seconds()[row]) for batch in own),
        )
    return made


def _end(by: dict[OptimizerName, Relaxed]) -> tuple[OptimizerName, Atoms] | None:
    """The end of the first descent that has one."""
    return next(((name, found.atoms) for name, found in by.items() if found.atoms is not None), None)


def _gradient(name: OptimizerName, source: str, asked: Batch, told: Batch, row: int) -> Gradient:
    return Gradient(
        at=name,
        source=source,
        energy=float(told.energies[row]),
        forces=asked.forces[row],
        gradient=told.forces[row],
        stress=None if asked.stresses is None else asked.stresses[row],
        energy_stress=None if told.stresses is None else told.stresses[row],
    )
