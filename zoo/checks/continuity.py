"""Continuity: does the energy change by what the forces do everywhere, or does it jump where a neighbour comes or goes?

A model whose messages do not fade out at the cutoff has forces that are an exact gradient wherever there is one, and an
energy that is another one as soon as an atom crosses the cutoff. HIENet-V3 jumps by 1 meV in rattled rock salt when a
neighbour passes 5 Å, DPA3-v2-MPtrj by 1.4 meV at the 4 Å of its angles; between jumps the work of the forces is what
the energy loses, to the last digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zoo.batch import Array
from zoo.checks.bounds import SLOPE, SLOPE_NOISE
from zoo.checks.finding import Finding, Measure, Skipped
from zoo.checks.work import DISPLACEMENT, Displacement, mean_slopes

if TYPE_CHECKING:
    from zoo.checks.bench import Bench

_SEED = 20190905
_PIECES = 16
"""So many parts of a path in which forces and energy disagree are looked at one by one."""
_APART = 10.0
"""A piece jumps when it is this many times further from the others than they are from each other. A force that is 2 %
off, or noise, is off by about the same in every piece."""


@dataclass(frozen=True)
class ForceWork:
    """What forces and energy say of displacements of all atoms: one along the forces and a random one per structure."""

    claimed: Array
    """(n, 2): mean of -F·u along a path, eV/Å."""
    real: Array
    """(n, 2): mean of dE/dx, eV/Å."""
    jumps: Array
    """(n, 2): the largest jump of the energy on the path, eV; zero where there is none."""
    smooth: Array
    """(n, 2): `real` less all jumps."""


def force_work(bench: Bench) -> ForceWork:
    """The work of the forces along short paths; where it is not what the energy loses, jumps are looked for."""
    rng = np.random.default_rng(_SEED)
    paths = [
        Displacement(atoms, direction)
        for atoms, along in zip(bench.structures, bench.reference.forces, strict=True)
        for direction in unit_vectors(along, rng)
    ]
    claimed, real = mean_slopes(paths, bench.answer)
    noise = np.repeat(bench.slope_noise(DISPLACEMENT), 2)
    jumps, smooth = np.zeros_like(real), real.copy()
    for index in np.flatnonzero(abs(claimed - real) > noise + SLOPE * abs(real)) if _gradient(bench) else ():
        found = _jumps(bench, paths[index], energy=bench.reference.energies[index // 2])
        jumps[index] = max(found, key=abs, default=0.0)
        smooth[index] -= sum(found) / (2 * DISPLACEMENT)
    shape = (len(bench.structures), -1)
    return ForceWork(*(array.reshape(shape) for array in (claimed, real, jumps, smooth)))


def continuity(bench: Bench) -> Finding:
    """The energy does not jump along short displacements; only where forces and energy disagree is it looked at."""
    if not _gradient(bench):
        raise Skipped("direct forces are no derivative of the energy, which could show a jump of it")
    jumps = abs(bench.force_work.jumps).max(axis=1)
    worst = int(np.argmax(jumps))
    bound = SLOPE_NOISE * bench.bounds.epsilon * float(abs(bench.reference.energies[worst]))
    return Finding(
        (Measure("largest jump of the energy", float(jumps[worst]), bound, "eV", bench.names[worst]),),
        diagnosis="the energy jumps, as it does where messages do not fade out at the cutoff",
        unclaimed="the card says that the energy jumps where a neighbour crosses the cutoff" if bench.jumps else "",
    )


def unit_vectors(along: Array, rng: np.random.Generator) -> list[Array]:
    """Two unit vectors of displacement (n, 3): along the forces, where any error is largest, and a random one."""
    vectors = [along if along.any() else rng.normal(size=along.shape), rng.normal(size=along.shape)]
    return [vector / np.linalg.norm(vector) for vector in vectors]


def _gradient(bench: Bench) -> bool:
    return bench.forces == "conservative"


def _jumps(bench: Bench, path: Displacement, *, energy: float) -> Sequence[float]:
    """Jumps of the energy (eV) on a path: pieces that leave more than all the others do."""
    half = path.half / _PIECES
    middles = (np.arange(_PIECES) * 2 + 1) * half - path.half
    pieces = [Displacement(path.at(t), path.direction, half) for t in middles]
    claimed, real = mean_slopes(pieces, bench.answer)
    left = (real - claimed) * 2 * half
    offset = np.median(left)
    rest = abs(left - offset)
    noise = SLOPE_NOISE * bench.bounds.epsilon * abs(energy)
    return [float(jump) for jump in (left - offset)[rest > noise + _APART * np.median(rest)]]
