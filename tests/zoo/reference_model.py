"""The reference (unperturbed) model: Morse pairs with analytic forces and stress, in float64."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.data import covalent_radii
from ase.stress import full_3x3_to_voigt_6_stress

from zoo.batch import Array, Batch, StructureFailure

CUTOFF = 4.5
"""Å"""


class ReferenceModel(Calculator):
    """Morse pairs that depend on both species, smoothly cut off, and an energy per species."""

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012  # ASE's declaration

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        """A Batch, as zoo.batch describes it."""
        answers = [self._one(each) for each in atoms]
        return Batch(
            energies=np.array([energy for energy, _, _, _ in answers], dtype=np.float64),
            forces=[forces for _, forces, _, _ in answers],
            stresses=np.array([stress for _, _, stress, _ in answers], dtype=np.float64).reshape(-1, 3, 3),
            errors=[error for _, _, _, error in answers],
            seconds=0.0,
        )

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """ASE's entry."""
        super().calculate(atoms, properties, system_changes)
        assert self.atoms is not None
        batch = self.compute([self.atoms])
        if batch.errors[0]:
            raise ValueError(str(batch.errors[0]))
        energy = float(batch.energies[0])
        self.results: dict[str, Any] = {
            "energy": energy,
            "free_energy": energy,
            "forces": batch.forces[0],
        }
        if batch.stresses is not None:
            self.results["stress"] = full_3x3_to_voigt_6_stress(batch.stresses[0])

    def _one(self, atoms: Atoms) -> tuple[float, Array, Array, StructureFailure | None]:
        error = None
        if not np.isfinite(atoms.positions).all():
            error = StructureFailure("failed", "a position is not a number")
        elif "Po" in atoms.symbols:
            error = StructureFailure("unsupported", "polonium is not supported")
        if error:
            return np.nan, np.full((len(atoms), 3), np.nan), np.full((3, 3), np.nan), error
        first, second, vectors = pairs(atoms)
        distances = np.linalg.norm(vectors, axis=1)
        energies, slopes = morse(atoms.numbers[first], atoms.numbers[second], distances)
        pulls = (slopes / distances)[:, None] * vectors  # dE_pair/d(vector), each pair counted from both ends
        forces = np.zeros((len(atoms), 3))
        np.add.at(forces, first, pulls)
        stress = vectors.T @ pulls / 2 / atoms.get_volume()
        return float(energies.sum() / 2 - 0.1 * atoms.numbers.sum()), forces, stress, None


def pairs(atoms: Atoms) -> tuple[Any, Any, Array]:
    """Indices i, j and vectors i → j of all pairs closer than CUTOFF, by images; each pair from both ends."""
    cell, periodic = atoms.cell.array, atoms.pbc
    fractional = atoms.positions @ np.linalg.inv(cell)
    home = np.where(periodic, fractional - np.floor(fractional), fractional) @ cell
    reach = np.where(periodic, np.floor(CUTOFF * np.linalg.norm(np.linalg.inv(cell), axis=0)) + 1, 0).astype(int)
    images = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1).reshape(-1, 3) @ cell
    vectors = home[None, :, None, :] - home[:, None, None, :] + images[None, None, :, :]
    squares = (vectors**2).sum(axis=-1)
    first, second, image = np.nonzero((squares < CUTOFF**2) & (squares > 1e-12))
    return first, second, vectors[first, second, image]


def morse(first: Any, second: Any, distances: Array) -> tuple[Array, Array]:
    """Energies (eV) and their slopes (eV/Å) of pairs, symmetric in the two species."""
    depth = 0.8 + 0.2 * np.sqrt(first * second % 13)
    width = 1.5 + 0.05 * (abs(first - second) % 7)
    length = 0.9 * (covalent_radii[first] + covalent_radii[second])
    decay = np.exp(-width * (distances - length))
    energy, slope = depth * (decay**2 - 2 * decay), 2 * depth * width * (decay - decay**2)
    inside = 1 - (distances / CUTOFF) ** 2
    cut, cut_slope = inside**4, -8 * distances / CUTOFF**2 * inside**3
    return energy * cut, slope * cut + energy * cut_slope


class Float32(ReferenceModel):
    """The reference model as a float32 model gives it: every number rounded, energies and forces with its noise."""

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        """The noise depends on the structure alone, as it does at one thread."""
        batch = super().compute(atoms)
        for index, each in enumerate(atoms):
            noise = np.random.default_rng(np.frombuffer(each.positions.tobytes(), dtype=np.uint32))
            batch.energies[index] *= 1 + 1e-7 * noise.normal()
            batch.forces[index] += 2e-5 * noise.normal(size=(len(each), 3))
            if batch.stresses is not None:
                shear = 5e-7 * noise.normal(size=(3, 3))
                batch.stresses[index] += shear + shear.T
        return Batch(
            energies=rounded(batch.energies),
            forces=[rounded(forces) for forces in batch.forces],
            stresses=None if batch.stresses is None else rounded(batch.stresses),
            errors=batch.errors,
            seconds=batch.seconds,
        )


def rounded(array: Array) -> Array:
    """Through float32 and back."""
    return array.astype(np.float32).astype(np.float64)
