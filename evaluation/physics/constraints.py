"""Constraints: how far a potential is from the symmetries and conservation laws, at given crystals.

All questions about all crystals are one call of the potential; besides it there are two for each crystal alone (is the
answer the same again, and the same as in company), one in the other dtype where the potential can be had in it, and one
for each step of a short trajectory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

from evaluation.physics import probes, verlet
from evaluation.physics.other_mode import other_dtype
from evaluation.physics.probes import Array, Outputs, PathLength, Probe
from zoo.batch import Batch, Computes, StructureFailure

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True)
class ConstraintSettings:
    """The numbers behind the questions."""

    rotations: Array
    """(k, 3, 3), proper; each is taken with inversion too."""
    steps: tuple[float, ...]
    """Å, of the Jacobian."""
    directions: int
    """Random directions of the work of forces, besides that of the forces themselves."""
    path: PathLength
    fine_path: PathLength
    loops: int
    loop_edge: float
    """Å"""
    rough_directions: int
    rough_spacing: float
    """Å"""
    rough_points: int
    temperature: float
    """K"""
    timestep: float
    """fs"""
    nve_steps: int
    nve_stride: int


@dataclass
class Measured:
    """What was found at one crystal."""

    outputs: Outputs
    error: StructureFailure | None = None
    """Why there is nothing."""
    force_calls: int = 0
    seconds: float = 0.0
    atom_calls: int = 0


def measure(
    potential: Computes, crystals: Sequence[Atoms], *, seeds: Sequence[int], settings: ConstraintSettings
) -> list[Measured]:
    """Raw numbers of every probe at every crystal, without symmetry of their own; see `evaluation.physics.probes`.

    `seeds`: of each crystal's random directions and velocities. A crystal of which any question but the trajectory has
    no answer gets that answer's error. Raises what the potential raises (zoo.errors.WorkerError).
    """
    found = [Measured({}) for _ in crystals]
    plans = [_probes(atoms, seed, settings) for atoms, seed in zip(crystals, seeds, strict=True)]
    streams = [[atoms for probe in plan for atoms in probe.structures] for plan in plans]
    batch = potential.compute([atoms for stream in streams for atoms in stream])
    ends = list(pairwise(accumulate(map(len, streams), initial=0)))
    for measured, plan, stream, (start, stop) in zip(found, plans, streams, ends, strict=True):
        answers = _part(batch, start, stop)
        _charge(measured, answers, stream, batch)
        measured.error = _refusal(answers)
        if measured.error is None:
            measured.outputs = _read(plan, answers)
    for measured, atoms, (start, _) in zip(found, crystals, ends, strict=True):
        if measured.error is None:
            _alone(measured, potential, atoms, _part(batch, start, start + 1))
    known = [i for i, measured in enumerate(found) if measured.error is None]
    _other_dtype([found[i] for i in known], potential, [crystals[i] for i in known], [ends[i][0] for i in known], batch)
    trajectories = verlet.constant_energy(
        potential,
        [crystals[i] for i in known],
        seeds=[seeds[i] for i in known],
        temperature=settings.temperature,
        timestep=settings.timestep,
        steps=settings.nve_steps,
        stride=settings.nve_stride,
    )
    for i, trajectory in zip(known, trajectories, strict=True):
        found[i].force_calls += trajectory.force_calls
        found[i].atom_calls += trajectory.force_calls * len(crystals[i])
        found[i].seconds += trajectory.seconds
        found[i].outputs["nve"] = {
            "times": [*trajectory.times],
            "total": [*trajectory.total],
            "temperatures": [*trajectory.temperatures],
            "error": trajectory.error,
        }
    return found


def _probes(atoms: Atoms, seed: int, settings: ConstraintSettings) -> list[Probe]:
    """The reference first."""
    rng, n = np.random.default_rng(seed), len(atoms)
    directions = probes.unit_directions(rng, settings.directions, n)
    return [
        probes.reference(atoms),
        probes.rotation(atoms, settings.rotations),
        probes.asymmetry(atoms, settings.steps),
        probes.force_work(atoms, directions, settings.path, name="force_work"),
        probes.force_work(atoms, directions, settings.fine_path, name="force_work_fine"),
        probes.stress_work(atoms, settings.path, name="stress_work"),
        probes.stress_work(atoms, settings.fine_path, name="stress_work_fine"),
        probes.loop_work(
            atoms, probes.triangles(rng, settings.loops, n, edge=settings.loop_edge), nodes=settings.path.nodes
        ),
        probes.invariances(atoms, rng.uniform(-4, 4, 3)),
        probes.roughness(
            atoms,
            probes.single_atom_directions(rng, settings.rough_directions, n),
            spacing=settings.rough_spacing,
            points=settings.rough_points,
        ),
    ]


def _read(plan: Sequence[Probe], answers: Batch) -> Outputs:
    outputs: Outputs = {}
    start = 0
    for probe in plan:
        stop = start + len(probe.structures)
        outputs |= probe.read(_part(answers, start, stop))
        start = stop
    return outputs


def _alone(measured: Measured, potential: Computes, atoms: Atoms, in_company: Batch) -> None:
    """The crystal by itself, twice: `repeat`, the second against the first; `batch`, the first against in company."""
    first, second = potential.compute([atoms]), potential.compute([atoms])
    for each in (first, second):
        _charge(measured, each, [atoms], each)
    measured.error = _refusal(first) or _refusal(second)
    if measured.error is None:
        measured.outputs["repeat"] = _changes(second, first)
        measured.outputs["batch"] = _changes(first, in_company)


def _other_dtype(
    found: Sequence[Measured], potential: Computes, crystals: Sequence[Atoms], rows: Sequence[int], batch: Batch
) -> None:
    """What the other dtype says differently; None where there is none. Its calls are no part of the entry's cost."""
    for measured in found:
        measured.outputs["dtype"] = None
    other = other_dtype(potential) if found else None
    if other is None:
        return
    with other as computes:
        answers = computes.compute(crystals)
    for k, (measured, row) in enumerate(zip(found, rows, strict=True)):
        if answers.errors[k] is None:
            measured.outputs["dtype"] = _changes(_part(answers, k, k + 1), _part(batch, row, row + 1))


def _changes(found: Batch, expected: Batch) -> Outputs:
    return probes.changes(
        float(found.energies[0] - expected.energies[0]) / len(expected.forces[0]),
        found.forces[0] - expected.forces[0],
        None if found.stresses is None or expected.stresses is None else found.stresses[0] - expected.stresses[0],
    )


def _refusal(answers: Batch) -> StructureFailure | None:
    """The first error of a batch, or that a number is none."""
    if error := next(filter(None, answers.errors), None):
        return error
    arrays = [answers.energies, *answers.forces, *([] if answers.stresses is None else [answers.stresses])]
    finite = all(np.isfinite(array).all() for array in arrays)
    return None if finite else StructureFailure("failed", "energy, forces or stress are no numbers")


def _charge(measured: Measured, answers: Batch, structures: Sequence[Atoms], batch: Batch) -> None:
    """Add the cost of `answers`, part of `batch`, whose time is shared by atoms."""
    atoms = int((answers.calls * [len(each) for each in structures]).sum())
    total = sum(int(calls) * len(forces) for calls, forces in zip(batch.calls, batch.forces, strict=True))
    measured.force_calls += int(answers.calls.sum())
    measured.atom_calls += atoms
    measured.seconds += batch.seconds * atoms / total


def _part(batch: Batch, start: int, stop: int) -> Batch:
    return Batch(
        energies=batch.energies[start:stop],
        forces=batch.forces[start:stop],
        stresses=None if batch.stresses is None else batch.stresses[start:stop],
        errors=batch.errors[start:stop],
        seconds=0.0,
        calls=batch.calls[start:stop],
    )
