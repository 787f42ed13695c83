"""Energy only: forces and stress as central differences of the energy, whatever heads the model has.

F = -(E(x + h) - E(x - h)) / 2h for each of the 3N coordinates; σ = (E(ε) - E(-ε)) / 2εV for the six symmetric strains
(half of that for shear, whose strain has two elements). 6N + 12 + 1 evaluations; 6N + 1 without a stress, as where a
structure is periodic in no direction.

The error is h²/6 times the third derivative plus about eps·|E|/h of rounding: with a float64 model the default steps
leave some 1e-6 eV/Å of the first and 1e-12 of the second; a float32 model wants steps ten times as large, and still
shows its rounding (1e-7·|E|/h, which grows with the number of atoms).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zoo.batch import Array, Computes
from zoo.runtime.boundaries import no_stress, virial_to_stress
from zoo.wrappers.base import Answer, Answers, Wrapper

if TYPE_CHECKING:
    from ase import Atoms

_VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


class EnergyOnly(Wrapper):
    """Forces and stress that are derivatives of the energy by construction.

    `step`: of a coordinate, Å; `strain`: of a strain component, None for a potential without stress.
    """

    def __init__(self, model: Computes, *, step: float = 1e-3, strain: float | None = 1e-3) -> None:
        super().__init__(model)
        self._step = step
        self._strain = strain

    def variants(self, atoms: Atoms) -> list[Atoms]:
        steps = self._step * np.eye(3 * len(atoms)).reshape(-1, len(atoms), 3)
        variants = [atoms] + [_moved(atoms, sign * step) for step in steps for sign in (1, -1)]
        if self._strain is not None and not no_stress(atoms):
            variants += [_strained(atoms, sign * self._strain * e) for e in _unit_strains() for sign in (1, -1)]
        return variants

    def combine(self, atoms: Atoms, answers: Answers) -> Answer:
        energy, (up, down) = answers.energies[0], answers.energies[1:].reshape(-1, 2).T
        n = 3 * len(atoms)
        forces = (down - up)[:n].reshape(-1, 3) / (2 * self._step)
        if self._strain is None:
            stress = None
        elif no_stress(atoms):
            stress = np.full((3, 3), np.nan)
        else:
            work = (up - down)[n:] / (2 * self._strain)
            units = _unit_strains()
            virial = np.tensordot(work / (units**2).sum(axis=(1, 2)), units, axes=1)
            stress = virial_to_stress(atoms, virial)
        return Answer(float(energy), forces, stress)


def _moved(atoms: Atoms, step: Array) -> Atoms:
    moved: Atoms = atoms.copy()
    moved.positions += step
    return moved


def _strained(atoms: Atoms, epsilon: Array) -> Atoms:
    strained: Atoms = atoms.copy()
    strained.positions = atoms.positions @ (np.eye(3) + epsilon)
    strained.cell = atoms.cell.array @ (np.eye(3) + epsilon)
    return strained


def _unit_strains() -> Array:
    """Six symmetric matrices (6, 3, 3) with ones where the component stands."""
    units = np.zeros((6, 3, 3))
    for index, (i, j) in enumerate(_VOIGT):
        units[index, i, j] = units[index, j, i] = 1
    return units
