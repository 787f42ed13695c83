"""The ASE interface: what `atoms.calc = potential` gives must be what `compute` gives, in ASE's shapes and order."""

from __future__ import annotations

from functools import partial
from itertools import permutations
from typing import TYPE_CHECKING, cast

import numpy as np

from zoo.batch import Array, Batch
from zoo.checks.bench import Bench
from zoo.checks.difference import difference
from zoo.checks.finding import Fault, Finding, Measure, Skipped
from zoo.checks.work import VOIGT

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator


def ase_interface(bench: Bench) -> Finding:
    """Energy, free energy and forces through `Atoms` equal compute's, also after the atoms have moved in place."""
    calculator, reference, last = _calculator(bench), bench.reference, len(bench.structures) - 1
    energies, free_energies, forces = [], [], []
    for index in (0, last):
        atoms = bench.structures[index].copy()
        atoms.calc = calculator
        home = atoms.positions.copy()
        atoms.positions[0, 0] += 0.1  # a calculator that keeps this answer is asked again with the atom moved back
        bench.caller.run(atoms.get_potential_energy)
        atoms.positions[:] = home
        energies.append(bench.caller.run(atoms.get_potential_energy))
        free_energies.append(bench.caller.run(partial(atoms.get_potential_energy, force_consistent=True)))
        forces.append(np.asarray(bench.caller.run(atoms.get_forces)))
        if forces[-1].shape != home.shape:
            raise Fault(f"get_forces() has shape {forces[-1].shape} for {len(home)} atoms")
    picked = [0, last]
    expected = Batch(reference.energies[picked], [reference.forces[index] for index in picked], None, [None] * 2, 0.0)
    found = Batch(np.array(energies, dtype=np.float64), forces, None, [None] * 2, 0.0)
    energy, force = difference(found, expected, bounds=bench.bounds)
    free = abs(np.array(free_energies) - energies).max()
    return Finding(
        (energy, force, Measure("free energy - energy", float(free), energy.bound, "eV")),
        diagnosis="the calculator's answer is not compute's",
    )


def stress_shape(bench: Bench) -> Finding:
    """The calculator's stress is (6,): much code of ASE's takes a 3×3 for something else."""
    shape = np.shape(_ase_stress(bench))
    if shape != (6,):
        raise Fault(f"get_stress() has shape {shape}, not (6,): xx yy zz yz xz xy")
    return Finding()


def ase_voigt_order(bench: Bench) -> Finding:
    """The calculator's six components are compute's 3×3, in the order xx yy zz yz xz xy."""
    found = np.asarray(_ase_stress(bench))
    if found.shape != (6,):
        raise Skipped(f"get_stress() has shape {found.shape}; see 'stress shape'")
    assert bench.reference.stresses is not None
    expected = np.array([bench.reference.stresses[-1][pair] for pair in VOIGT])
    misfits = {last: float(abs(found - expected[[0, 1, 2, *last]]).max()) for last in permutations((3, 4, 5))}
    best = min(misfits, key=lambda last: misfits[last])
    order = " ".join("".join("xyz"[axis] for axis in VOIGT[index]) for index in (0, 1, 2, *best))
    permuted = misfits[best] <= bench.bounds.stress
    return Finding(
        (Measure("stress", misfits[3, 4, 5], bench.bounds.stress, "eV/Å³"),),
        diagnosis=f"looks like {order}" if permuted else "the calculator's stress is not compute's",
    )


def _calculator(bench: Bench) -> Calculator:
    if not hasattr(bench.potential, "get_potential_energy"):
        raise Skipped("the potential is no ASE calculator")
    return cast("Calculator", bench.potential)


def _ase_stress(bench: Bench) -> Array:
    calculator = _calculator(bench)
    if bench.reference.stresses is None:
        raise Skipped("the potential has no stress")
    atoms = bench.structures[-1].copy()
    atoms.calc = calculator
    return bench.caller.run(lambda: calculator.get_stress(atoms))  # Atoms.get_stress would convert a 3×3
