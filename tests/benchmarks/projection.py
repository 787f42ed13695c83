"""Projection of force constants onto what a space group allows: by commuting averages, and by a basis of that space.

    python -m tests.benchmarks.projection --repeats 4 --rounds 3

Random force constants of a rocksalt supercell of 8 × repeats³ atoms, both ways in turn, CPU seconds. The basis is
symfc's, and is made for each crystal anew, as a run needs it; applying it once it is there has a line of its own.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.build import bulk

from evaluation.physics.force_constants import Projector
from evaluation.physics.phonons import PhononCrystal

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from phonopy import Phonopy

    Array = NDArray[np.float64]

FACE_CENTRED = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(json.dumps(measure(repeats=given.repeats, rounds=given.rounds), indent=1))


def measure(*, repeats: int, rounds: int) -> dict[str, Any]:
    """CPU seconds of both ways, their ratio, and how far their results are apart."""
    crystal = PhononCrystal(
        bulk("MgO", "rocksalt", a=4.21, cubic=True), np.eye(3, dtype=np.int64) * repeats, FACE_CENTRED, 1e-5
    )
    phonon = crystal.with_symmetry
    n = len(phonon.supercell)
    full = np.random.default_rng(1).normal(size=(n, n, 3, 3))
    seconds: dict[str, list[float]] = {"averages": [], "a basis": [], "a basis, of which applying it": []}
    apart = 0.0
    for _ in range(rounds):
        averaged, took = _timed(lambda: Projector(phonon)(full))
        seconds["averages"].append(took)
        basis, made = _timed(lambda: _Basis(phonon))
        projected, applied = _timed(lambda basis=basis: basis(full))  # type: ignore[misc]
        seconds["a basis"].append(made + applied)
        seconds["a basis, of which applying it"].append(applied)
        apart = max(apart, float(np.abs(averaged - projected).max()))
    ratios = [slow / fast for slow, fast in zip(seconds["a basis"], seconds["averages"], strict=True)]
    return {
        "atoms": n,
        **{f"{way}, CPU s": _spread(values) for way, values in seconds.items()},
        "a basis / averages": _spread(ratios),
        "largest difference, of force constants of size 1": apart,
    }


class _Basis:
    """The same projection by symfc's basis of the space."""

    def __init__(self, phonon: Phonopy) -> None:
        from symfc import Symfc
        from symfc.utils.utils import SymfcAtoms

        cell = phonon.supercell
        atoms = SymfcAtoms(numbers=cell.numbers, cell=cell.cell, scaled_positions=cell.scaled_positions)
        symfc = Symfc(atoms, spacegroup_operations=phonon.symmetry.symmetry_operations)
        basis = symfc.compute_basis_set(max_order=2).basis_set[2]
        self._compression, self._basis = basis.compression_matrix, basis.blocked_basis_set

    def __call__(self, full: Array) -> Array:
        inside = self._basis @ (self._basis.T @ (self._compression.T @ full.ravel()))
        return np.asarray(self._compression @ inside).reshape(full.shape)


def _timed[T](work: Callable[[], T]) -> tuple[T, float]:
    clock = time.process_time()
    return work(), time.process_time() - clock


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": median(values), "low": min(values), "high": max(values), "n": len(values)}


if __name__ == "__main__":
    main()
