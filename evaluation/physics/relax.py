"""Relaxation of many crystals at once: FIRE or L-BFGS on atoms and cell, with ASE's rule of convergence.

The steps are torch-sim's, over a model that may live in another process; the crystals share its batches, and one that
has finished leaves its place to the next. There is no line search: it would need energies that agree with the forces,
which a direct force head does not promise.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from evaluation.physics.relaxation import Relaxation, Relaxed
from zoo.batch import StructureFailure

if TYPE_CHECKING:
    from ase import Atoms

    from evaluation.physics.optimizer import Measurement, Optimizer
    from zoo.batch import Array, Computes

LARGEST_STRAIN = 1.0
"""Largest logarithmic strain: a cell that has grown or shrunk by a factor e along some direction describes nothing."""


LARGEST_FORCE = 1e6
"""eV/Å: beyond, there is no physics, and soon no number: a step of the optimiser squares it."""


def relax(
    potential: Computes,
    crystals: Sequence[Atoms],
    settings: Relaxation,
    *,
    atoms_per_batch: int | None = None,
) -> list[Relaxed]:
    """Relax crystals that are periodic in all three directions; one Relaxed for each, in order.

    `atoms_per_batch`: no more atoms than this run together, though always one crystal; None: all of them, and the
    potential splits its batches itself. How crystals share batches moves no result beyond what batching moves the
    model's own answers.
    A crystal that the model cannot do, or whose cell or numbers run away, has an `error` and does not stop the others.
    Raises ValueError for a crystal that is not periodic, zoo.errors.WorkerError for what is no structure's fault.
    """
    with _without_a_word():
        from evaluation.physics import optimizer

    if not all(atoms.pbc.all() for atoms in crystals):
        raise ValueError("relax takes crystals: periodic in all three directions")
    traces = [_Trace(atoms) for atoms in crystals]
    waiting = deque(range(len(crystals)))
    running = optimizer.Optimizer(potential, settings)
    while waiting or running.members:
        entering = _entering(waiting, crystals, running.members, atoms_per_batch)
        _note(running, traces, running.enter({index: crystals[index] for index in entering}), settings)
        _note(running, traces, running.step(), settings)
    return [trace.relaxed() for trace in traces]


@contextlib.contextmanager
def _without_a_word() -> Iterator[None]:
    """Around the import of torch-sim: a compiled library of its dependencies tells stderr that there is no GPU."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@dataclass
class _Trace:
    """One crystal on its way."""

    start: Atoms
    energies: list[float] = field(default_factory=list)
    max_forces: list[float] = field(default_factory=list)
    max_cell_forces: list[float] = field(default_factory=list)
    force_calls: int = 0
    seconds: float = 0.0
    error: StructureFailure | None = None
    converged: bool = False
    end: Atoms | None = None
    stress: Array | None = None

    def add(self, now: Measurement, settings: Relaxation) -> bool:
        """Note an evaluation; say whether it was the last one."""
        self.force_calls += now.calls
        self.seconds += now.seconds
        self.error = now.error or self._runaway(now)
        if self.error:
            return True
        self.energies.append(now.energy)
        self.stress = now.stress
        self.max_forces.append(now.max_force)
        if now.max_cell_force is not None:
            self.max_cell_forces.append(now.max_cell_force)
        self.converged = max(now.max_force, now.max_cell_force or 0.0) < settings.fmax
        return self.converged or len(self.energies) > settings.steps

    def _runaway(self, now: Measurement) -> StructureFailure | None:
        message = None
        if not np.isfinite([now.energy, now.max_force, now.max_cell_force or 0.0]).all():
            message = "the energy, a force or the stress is not a number"
        elif max(now.max_force, now.max_cell_force or 0.0) > LARGEST_FORCE:
            message = f"forces of {max(now.max_force, now.max_cell_force or 0.0):.1e} eV/Å"
        elif now.max_strain > LARGEST_STRAIN:
            message = f"the cell ran away: logarithmic strain {now.max_strain:.2f} after {len(self.energies)} steps"
        return None if message is None else StructureFailure("failed", message)

    def relaxed(self) -> Relaxed:
        return Relaxed(
            atoms=self.end,
            converged=self.converged,
            steps=max(len(self.energies) - 1, 0),
            energies=self.energies,
            max_forces=self.max_forces,
            max_cell_forces=self.max_cell_forces,
            error=self.error,
            force_calls=self.force_calls,
            seconds=self.seconds,
            stress=None if self.error else self.stress,
        )


def _entering(
    waiting: deque[int], crystals: Sequence[Atoms], members: Sequence[int], atoms_per_batch: int | None
) -> list[int]:
    """Take from `waiting`, in order, what fits beside the members."""
    atoms = sum(len(crystals[index]) for index in members)
    entering: list[int] = []
    while waiting:
        alone = not members and not entering
        atoms += len(crystals[waiting[0]])
        if atoms_per_batch is not None and atoms > atoms_per_batch and not alone:
            break
        entering.append(waiting.popleft())
    return entering


def _note(
    running: Optimizer,
    traces: Sequence[_Trace],
    measurements: Iterable[tuple[int, Measurement]],
    settings: Relaxation,
) -> None:
    """Write down an evaluation of each member, and let those go that have finished."""
    finished = [index for index, now in measurements if traces[index].add(now, settings)]
    for index, (positions, cell) in running.leave(finished).items():
        trace = traces[index]
        if trace.error is None:
            trace.end = trace.start.copy()
            trace.end.set_constraint()
            trace.end.set_cell(cell)
            trace.end.positions = positions
