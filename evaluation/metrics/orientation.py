"""Orientation: what a run of the whole workflow depends on that it should not, from its raw figures: arithmetic alone.

A spread is the root mean square of the distances from the mean over the orientations, the upright one among them: zero
for a potential that knows what a rotation is. It is None for fewer than two orientations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics.phonon import gamma

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ran:
    """How the workflow ended in one orientation."""

    energy: float
    """eV/atom, of the relaxed perfect start."""
    volume: float
    """Å³/atom"""
    frequencies: Array
    """(n_q, n_modes), THz, imaginary ones negative, each row ascending."""
    imaginary: bool
    """Whether a mode counts as imaginary."""
    group: int | None
    """Space group of the relaxed perfect start at the loose precision; None where the search fails."""
    strict_group: int | None
    """Likewise at the strict one."""
    distorted_group: int | None
    """Of the relaxed distorted start, loose; None where the search fails or that relaxation failed."""
    distorted_energy: float | None
    """eV/atom, of the relaxed distorted start; None where that relaxation failed."""


def spread(values: Array) -> float | None:
    """Of `values` (n_orientations, …), over all other axes together."""
    if len(values) < 2 or values[0].size == 0:
        return None
    return float(np.sqrt(((values - values.mean(axis=0)) ** 2).mean()))


def optical(frequencies: Array) -> Array:
    """Modes at Γ (n_modes,), ascending, without the three nearest zero: imaginary ones lie below the acoustic ones."""
    return frequencies[np.sort(np.argsort(np.abs(frequencies), kind="stable")[3:])]


def frequency_spread(ran: Sequence[Ran], qpoints: Array) -> float | None:
    """Of frequencies, THz, over q points and modes, paired by order, without the three acoustic modes at Γ."""
    row = gamma(qpoints)
    return spread(
        np.array([[*optical(run.frequencies[row]), *np.delete(run.frequencies, row, axis=0).ravel()] for run in ran])
    )


def gamma_spread(ran: Sequence[Ran], qpoints: Array) -> float | None:
    """Likewise of the modes at Γ; None for one atom in the primitive cell, which has acoustic modes alone."""
    row = gamma(qpoints)
    return spread(np.array([optical(run.frequencies[row]) for run in ran]))


def omega_max_spread(ran: Sequence[Ran]) -> float | None:
    """Of the highest frequency, THz."""
    return spread(np.array([run.frequencies.max() for run in ran]))


def volume_spread(ran: Sequence[Ran]) -> float | None:
    """Of the relaxed volume, in % of its mean."""
    volumes = np.array([run.volume for run in ran])
    found = spread(volumes)
    return None if found is None else float(found / volumes.mean() * 100)


def energy_spread(ran: Sequence[Ran]) -> float | None:
    """Of the relaxed energy, meV/atom."""
    found = spread(np.array([run.energy for run in ran]))
    return None if found is None else found * 1000


def left(run: Ran, known: int, *, downhill: float) -> bool:
    """Whether the distorted start ended in another group than `known`, more than `downhill` eV/atom below it."""
    if run.distorted_energy is None:
        return False
    return run.distorted_group != known and run.distorted_energy < run.energy - downhill


def breaks(run: Ran, known: int, *, downhill: float) -> bool:
    """What an unstable crystal must do: show an imaginary mode, and leave its structure when it is pushed."""
    return run.imaginary and left(run, known, downhill=downhill)


def holds(run: Ran, known: int) -> bool:
    """What a stable crystal must do: keep its group, have no imaginary mode, and come back when it is pushed."""
    return not run.imaginary and run.group == known and run.distorted_group == known


def share(answers: Sequence[bool]) -> float | None:
    """Of true ones; None of none."""
    return sum(answers) / len(answers) if answers else None
