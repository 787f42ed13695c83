"""Probes: structures made from one crystal, and what the answers to them say about one constraint.

Every probe is a list of structures and a function that reads their part of a batch, so that all probes of many crystals
can go through a potential in one call. What it reads are raw numbers in house units, JSON values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from zoo.batch import Batch
from zoo.checks import work
from zoo.wrappers import jacobian
from zoo.wrappers.rotation import rotated

if TYPE_CHECKING:
    from ase import Atoms

Array = NDArray[np.float64]
Outputs = dict[str, JsonValue]

FOURTH = np.array([1.0, -4.0, 6.0, -4.0, 1.0]) / np.sqrt(70.0)
"""Fourth difference that leaves white noise at its own size."""


@dataclass(frozen=True)
class Probe:
    """One question to a potential."""

    structures: list[Atoms]
    read: Callable[[Batch], Outputs]
    """From the answers to `structures`."""


def reference(atoms: Atoms) -> Probe:
    """The crystal as it is: energy (eV/atom), and the root mean squares of its forces (eV/Å) and stress (eV/Å³)."""

    def read(batch: Batch) -> Outputs:
        return {
            "n_atoms": len(atoms),
            "energy": float(batch.energies[0]) / len(atoms),
            "force_rms": rms(batch.forces[0]),
            "stress_rms": None if batch.stresses is None else rms(batch.stresses[0]),
        }

    return Probe([atoms], read)


def rotation(atoms: Atoms, matrices: Array) -> Probe:
    """The crystal and its inverse in each of k orientations (k, 3, 3), the answers rotated back.

    `rotation`: how far the answer in each proper orientation lies from their mean. `inversion`: half of what the answer
    changes by when the rotated crystal is inverted, which is its distance from the mean of the two. Both (k,): energy
    with its sign, eV/atom; forces and stress as root mean squares over components, eV/Å and eV/Å³.
    """
    k = len(matrices)

    def read(batch: Batch) -> Outputs:
        both = np.concatenate([matrices, -matrices])
        energies = (batch.energies / len(atoms)).reshape(2, k)
        forces = np.array(batch.forces) @ both
        stresses = None if batch.stresses is None else both.transpose(0, 2, 1) @ batch.stresses @ both
        parts = [(forces, "forces")] + ([] if stresses is None else [(stresses, "stresses")])
        found: dict[str, Outputs] = {"rotation": {"stresses": None}, "inversion": {"stresses": None}}
        found["rotation"]["energies"] = (energies[0] - energies[0].mean()).tolist()
        found["inversion"]["energies"] = ((energies[1] - energies[0]) / 2).tolist()
        for turned_back, name in parts:
            proper, improper = turned_back[:k], turned_back[k:]
            found["rotation"][name] = [rms(each) for each in proper - proper.mean(axis=0)]
            found["inversion"][name] = [rms(each) / 2 for each in improper - proper]
        return {**found}

    return Probe([rotated(atoms, matrix) for matrix in (*matrices, *-matrices)], read)


def asymmetry(atoms: Atoms, steps: Sequence[float]) -> Probe:
    """‖J‖ and ‖(J - Jᵀ)/2‖ (Frobenius, eV/Å²) of the Jacobian from central differences at each step, Å."""
    size = 6 * len(atoms)

    def read(batch: Batch) -> Outputs:
        norms, antisymmetric = [], []
        for index, step in enumerate(steps):
            found = jacobian.differences(batch.forces[index * size : (index + 1) * size], step=step)
            norms.append(float(np.linalg.norm(found)))
            antisymmetric.append(float(np.linalg.norm(found - found.T)) / 2)
        return {"jacobian": {"steps": [*steps], "norms": [*norms], "antisymmetric_norms": [*antisymmetric]}}

    return Probe([moved for step in steps for moved in jacobian.displaced(atoms, step=step)], read)


@dataclass(frozen=True)
class PathLength:
    """Half-lengths of the paths along which work is measured, and the Gauss–Legendre nodes on each."""

    displacement: float
    """Å, all atoms together."""
    strain: float
    nodes: int


def force_work(atoms: Atoms, directions: Array, length: PathLength, *, name: str) -> Probe:
    """Mean dE/dt along paths in directions (k, n, 3) of length one: what the forces claim and what the energy has."""
    paths = [work.Displacement(atoms, direction, length.displacement) for direction in directions]
    made = work.structures(paths, nodes=length.nodes)

    def read(batch: Batch) -> Outputs:
        claimed, real = work.slopes(paths, batch, nodes=length.nodes)
        return {name: {"claimed": claimed.tolist(), "real": real.tolist(), "at_point": [*_at_point(batch, directions)]}}

    return Probe([*made, atoms], read)


def stress_work(atoms: Atoms, length: PathLength, *, name: str) -> Probe:
    """The same for the six strains in Voigt order, per volume, eV/Å³; None for a potential without a stress."""
    paths = [work.Strain(atoms, component, length.strain) for component in range(len(work.VOIGT))]

    def read(batch: Batch) -> Outputs:
        if batch.stresses is None:
            return {name: None}
        claimed, real = np.array(work.slopes(paths, batch, nodes=length.nodes)) / atoms.get_volume()
        return {name: {"claimed": claimed.tolist(), "real": real.tolist()}}

    return Probe(work.structures(paths, nodes=length.nodes), read)


def loop_work(atoms: Atoms, corners: Array, *, nodes: int) -> Probe:
    """∮F·dr, eV, and length, Å, of closed triangles with corners (k, 3, n, 3), displacements in Å."""
    inner, weights = np.polynomial.legendre.leggauss(nodes)
    starts, edges = corners, np.roll(corners, -1, axis=1) - corners
    positions = starts[:, :, None] + edges[:, :, None] * ((inner + 1) / 2)[:, None, None]  # (k, 3, nodes, n, 3)
    flat = positions.reshape(-1, len(atoms), 3)

    def read(batch: Batch) -> Outputs:
        forces = np.array(batch.forces).reshape(positions.shape)
        loops = np.einsum("kemix,keix,m->k", forces, edges, weights / 2)
        lengths = np.linalg.norm(edges.reshape(*edges.shape[:2], -1), axis=-1).sum(axis=1)
        return {"loops": {"work": loops.tolist(), "lengths": lengths.tolist()}}

    return Probe([_moved(atoms, displacement) for displacement in flat], read)


def invariances(atoms: Atoms, vector: Array) -> Probe:
    """What must change nothing: a lattice vector, any `vector` (Å), another order of atoms, two cells for one.

    Largest changes of energy (eV/atom), force component (eV/Å) and stress component (eV/Å³).
    """
    n = len(atoms)
    order = np.roll(np.arange(n), 1)

    def read(batch: Batch) -> Outputs:
        forces, expected = batch.forces, batch.forces[0]
        pairs = {
            "translation_lattice": (1, forces[1], expected, n),
            "translation_random": (2, forces[2], expected, n),
            "permutation": (3, forces[3], expected[order], n),
            "extensivity": (4, forces[4], np.tile(expected, (2, 1)), 2 * n),
        }
        return {
            name: changes(
                float(batch.energies[index] / size - batch.energies[0] / n),
                found - wanted,
                None if batch.stresses is None else batch.stresses[index] - batch.stresses[0],
            )
            for name, (index, found, wanted, size) in pairs.items()
        }

    by_lattice = _moved(atoms, np.array([2, -1, 3]) @ atoms.cell.array)
    return Probe([atoms, by_lattice, _moved(atoms, vector), atoms[order], atoms.repeat((2, 1, 1))], read)


def roughness(atoms: Atoms, directions: Array, *, spacing: float, points: int) -> Probe:
    """Forces along straight displacements in directions (k, n, 3), at -points … points times `spacing`, Å.

    `first` and `second` (k, points): norms of F(+h) - F(-h) and F(+h) - 2 F(0) + F(-h), eV/Å, at h = spacing … points
    times spacing. `noise` (k,): root mean square of the forces' fourth difference, normalised so that white noise
    shows at its own standard deviation, eV/Å; a smooth anharmonic force adds spacing⁴ times its fourth derivative.
    """
    amplitudes = spacing * np.arange(-points, points + 1)

    def read(batch: Batch) -> Outputs:
        forces = np.array(batch.forces).reshape(len(directions), len(amplitudes), -1)
        up, down, middle = forces[:, points + 1 :], forces[:, points - 1 :: -1], forces[:, points : points + 1]
        windows = np.lib.stride_tricks.sliding_window_view(forces, len(FOURTH), axis=1) @ FOURTH
        return {
            "roughness": {
                "amplitudes": amplitudes[points + 1 :].tolist(),
                "first": np.linalg.norm(up - down, axis=-1).tolist(),
                "second": np.linalg.norm(up - 2 * middle + down, axis=-1).tolist(),
                "noise": [rms(each) for each in windows],
            }
        }

    return Probe([_moved(atoms, t * direction) for direction in directions for t in amplitudes], read)


def unit_directions(rng: np.random.Generator, count: int, n_atoms: int) -> Array:
    """Random displacements (count, n, 3) of all atoms, each of norm one."""
    vectors = rng.normal(size=(count, n_atoms, 3))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=(1, 2), keepdims=True))


def single_atom_directions(rng: np.random.Generator, count: int, n_atoms: int) -> Array:
    """Displacements (count, n, 3) of one atom each, as phonons are computed with: random atom, random direction."""
    vectors = np.zeros((count, n_atoms, 3))
    for vector in vectors:
        vector[rng.integers(n_atoms)] = unit_directions(rng, 1, 1)[0]
    return vectors


def triangles(rng: np.random.Generator, count: int, n_atoms: int, *, edge: float) -> Array:
    """Corners (count, 3, n, 3) of triangles with two perpendicular edges of `edge`, Å, in random planes."""
    corners = np.zeros((count, 3, n_atoms, 3))
    for corner in corners:
        plane, _ = np.linalg.qr(rng.normal(size=(3 * n_atoms, 2)))
        corner[1:] = edge * plane.T.reshape(2, n_atoms, 3)
    return corners


def changes(energy: float, forces: Array, stresses: Array | None) -> Outputs:
    """Largest components of a difference of two answers."""
    return {
        "energy": abs(energy),
        "force": float(abs(forces).max()),
        "stress": None if stresses is None else float(abs(stresses).max()),
    }


def rms(array: Array) -> float:
    """Root mean square over all components."""
    return float(np.sqrt((array**2).mean()))


def _at_point(batch: Batch, directions: Array) -> list[float]:
    """-F·u at the middle of each path, from the last structure's forces."""
    return [-float((batch.forces[-1] * direction).sum()) for direction in directions]


def _moved(atoms: Atoms, displacement: Array) -> Atoms:
    moved: Atoms = atoms.copy()
    moved.positions += displacement
    return moved
