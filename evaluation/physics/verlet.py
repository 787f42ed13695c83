"""Velocity Verlet for many crystals at once, at constant energy: what an integrator does with a model's forces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from zoo.batch import Computes

if TYPE_CHECKING:
    from ase import Atoms


@dataclass
class Trajectory:
    """Energies along one crystal's trajectory, per atom."""

    times: list[float] = field(default_factory=list)
    """fs"""
    total: list[float] = field(default_factory=list)
    """Potential and kinetic energy, eV/atom."""
    temperatures: list[float] = field(default_factory=list)
    """K"""
    error: str | None = None
    """Why it ended before its time."""
    force_calls: int = 0
    seconds: float = 0.0


def constant_energy(
    potential: Computes,
    crystals: Sequence[Atoms],
    *,
    seeds: Sequence[int],
    temperature: float,
    timestep: float,
    steps: int,
    stride: int,
) -> list[Trajectory]:
    """`steps` of `timestep` (fs) from Maxwell–Boltzmann velocities at `temperature` (K), without drift of the centre.

    Each step is one batch of all crystals that are still there: one that the model refuses or that turns into NaN ends
    with its error. Energies are kept every `stride` steps. Raises what the potential raises.
    """
    from ase import units

    moving = [atoms.copy() for atoms in crystals]
    for atoms, seed in zip(moving, seeds, strict=True):
        masses = atoms.get_masses()[:, None]
        momenta = np.random.default_rng(seed).normal(size=(len(atoms), 3)) * np.sqrt(masses * units.kB * temperature)
        atoms.set_momenta(momenta - masses * momenta.sum(axis=0) / masses.sum())
    trajectories = [Trajectory() for _ in moving]
    alive = list(range(len(moving)))
    accelerations = [np.zeros((len(atoms), 3)) for atoms in moving]
    dt = timestep * units.fs
    for step in range(steps + 1):
        if step:
            for i in alive:
                half_step = moving[i].get_velocities() + accelerations[i] * dt / 2
                moving[i].set_velocities(half_step)
                moving[i].positions += dt * half_step
        if not alive:
            break
        batch = potential.compute([moving[i] for i in alive])
        seconds = batch.share_seconds()
        for row, i in enumerate(list(alive)):
            atoms, trajectory = moving[i], trajectories[i]
            trajectory.force_calls += int(batch.calls[row])
            trajectory.seconds += float(seconds[row])
            energy, forces = float(batch.energies[row]), batch.forces[row]
            error = batch.errors[row]
            if error or not (np.isfinite(energy) and np.isfinite(forces).all()):
                trajectory.error = str(error or f"energy or forces are no numbers after {step * timestep:g} fs")
                alive.remove(i)
                continue
            accelerations[i] = forces / atoms.get_masses()[:, None]
            if step:
                atoms.set_velocities(atoms.get_velocities() + accelerations[i] * dt / 2)
            if step % stride == 0:
                trajectory.times.append(step * timestep)
                trajectory.total.append((energy + float(atoms.get_kinetic_energy())) / len(atoms))
                trajectory.temperatures.append(float(atoms.get_temperature()))
    return trajectories
