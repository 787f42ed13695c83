"""Forces and stress as derivatives of the energy; where they are not, the fault that fits the numbers."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np

from zoo.batch import Array
from zoo.checks.bench import Bench
from zoo.checks.bounds import RESOLUTION, SLOPE
from zoo.checks.finding import Fault, Finding, Measure, Skipped
from zoo.checks.force_work import unit_vectors
from zoo.checks.work import DISPLACEMENT, STRAIN, Displacement

_SEED = 20190905
_EXPLAINED = 0.01
"""A fault explains the numbers when it leaves less than this fraction of them."""
_SMALL = 1e-4
"""Displacement that float32 energies can't follow, Å."""
_FOURTH = np.array([1.0, -4.0, 6.0, -4.0, 1.0]) / np.sqrt(70.0)
"""Fourth difference, such that independent roundings come out at their own size."""
_FLOAT64_ENERGY = 1e-11
"""Rounding per eV of energy: float64 is at 1e-15, float32 at 1e-7."""
_DISTINCT = 0.1
"""Off-diagonals this close to each other, as a fraction of the largest, say nothing about their order."""
Order = tuple[str, ...]
_DECLARED: Order = ("yz", "xz", "xy")
_PROGRAMS: dict[Order, str] = {("xy", "xz", "yz"): " (LAMMPS's order)", ("xy", "yz", "xz"): " (VASP's order)"}


def forces(bench: Bench) -> Finding:
    """The work of the forces is what the energy loses, along the forces themselves and in a random direction."""
    work, sizes = bench.force_work, np.array([len(atoms) for atoms in bench.structures])
    found, expected = -work.claimed, -(work.smooth if bench.jumps else work.real)
    diagnosis = _explained(found, expected, "-dE/dx", _force_faults(sizes))
    if work.jumps.any() and _left(found, -work.smooth) < _EXPLAINED:
        diagnosis = "they are -dE/dx, but the energy jumps; see 'continuity'"
    noise = bench.slope_noise(DISPLACEMENT)
    return _against_energy(bench, found, expected, noise, what="force", unit="eV/Å", diagnosis=diagnosis)


def net_force(bench: Bench) -> Finding:
    """Forces that are the gradient of a translation-invariant energy sum to zero."""
    drifts = [float(np.linalg.norm(found.sum(axis=0))) / len(found) for found in bench.reference.forces]
    worst = int(np.argmax(drifts))
    return Finding(
        (Measure("|ΣF|/n", drifts[worst], bench.bounds.force, "eV/Å", bench.names[worst]),),
        diagnosis="forces have a net drift",
        unclaimed=_unclaimed(bench),
    )


def stress(bench: Bench) -> Finding:
    """The six components of the stress against dE/dε divided by the volume; tensile is positive."""
    stresses = _stresses(bench)
    volumes = np.array([atoms.get_volume() for atoms in bench.cells])
    found, expected = bench.strain_work
    diagnosis = _explained(found, expected, "dE/dε per volume", _stress_faults(volumes))
    if not diagnosis.startswith("looks like") and voigt_order(bench).beyond:
        diagnosis = "looks like the off-diagonal components in another order; see 'voigt order'"
    noise = bench.slope_noise(STRAIN)[: len(volumes)] / volumes
    finding = _against_energy(bench, found, expected, noise, what="stress", unit="eV/Å³", diagnosis=diagnosis)
    antisymmetric = float(abs(stresses - stresses.transpose(0, 2, 1)).max())
    symmetry = Measure("antisymmetric part", antisymmetric, bench.bounds.stress, "eV/Å³")
    return replace(finding, measures=(*finding.measures, symmetry))


def voigt_order(bench: Bench) -> Finding:
    """Off-diagonal components stand at yz, xz, xy: no other order fits dE/dε, whatever the stress's unit and sign."""
    _stresses(bench)
    found, expected = bench.strain_work
    misfits = _misfits(found, expected)
    best = min(misfits, key=lambda order: misfits[order])
    bound = _DISTINCT * float(abs(expected[:, 3:]).max())
    return Finding(
        (Measure("misfit of xx yy zz yz xz xy", misfits[_DECLARED], bound, "eV/Å³"),),
        diagnosis=f"looks like xx yy zz {' '.join(best)}{_PROGRAMS.get(best, '')}: off-diagonals are permuted",
        unclaimed=_unclaimed(bench) or ("" if misfits[best] <= bound else "no order fits dE/dε; see 'stress'"),
    )


def precision(bench: Bench) -> Finding:
    """The energy along 1e-4 Å is smooth to float64's resolution: no step inside the model is in float32."""
    if bench.dtype != "float64":
        raise Skipped("float64 was not asked for")
    rng = np.random.default_rng(_SEED)
    paths = [Displacement(atoms, unit_vectors(atoms.positions, rng)[-1]) for atoms in bench.structures]
    batch = bench.answer([path.at(point * _SMALL) for path in paths for point in (-2, -1, 0, 1, 2)])
    # A smooth energy's fourth difference is h⁴ d⁴E/dx⁴, about 1e-13 eV; what it shows beyond that is rounding.
    rounding = abs(batch.energies.reshape(-1, 5) @ _FOURTH)
    worst = int(np.argmax(rounding))
    bound = _FLOAT64_ENERGY * max(1.0, float(abs(batch.energies).max()))
    return Finding(
        (Measure("rounding of the energy", float(rounding[worst]), bound, "eV", bench.names[worst]),),
        diagnosis="energies move in steps: looks like float32 arithmetic inside",
    )


def _against_energy(
    bench: Bench, found: Array, expected: Array, noise: Array, *, what: str, unit: str, diagnosis: str
) -> Finding:
    """Compare (n, k) numbers with what the energy says, structure by structure; keep the worst structure."""
    sizes = abs(expected).max(axis=1)
    if not sizes.any():
        raise Fault("the energy does not depend on the structure: it stays the same when atoms or cell move")
    bounds = noise + SLOPE * sizes
    errors = abs(found - expected).max(axis=1)
    measures = [
        Measure(f"error of a {what} of {size:.3g} {unit}", float(error), float(bound), unit, name)
        for size, error, bound, name in zip(sizes, errors, bounds, bench.names[: len(sizes)], strict=True)
    ]
    measure = max(measures, key=lambda measure: measure.excess)
    unclaimed = _unclaimed(bench)
    if measure.excess <= 1 and (bounds > RESOLUTION * sizes).all():
        energy = float(abs(bench.reference.energies).max())
        unclaimed = unclaimed or f"{bench.dtype} energies of {energy:.0f} eV can't show an error of 2 %; use float64"
    return Finding((measure,), diagnosis=diagnosis, unclaimed=unclaimed)


def _explained(found: Array, expected: Array, reference: str, faults: dict[str, Array]) -> str:
    """The fault under which `found` is a multiple of `expected`: one that is known, or the factor as it is.

    `faults`: a fault's name → the factors that it puts on the (n, k) numbers.
    """
    if not found.any():
        return f"all zero, where {reference} is not"
    factor = float((found * expected).sum() / (expected**2).sum())
    for name, factors in faults.items():
        if _left(found, factors * expected) < _EXPLAINED:
            return f"looks like {name}" + (f": {factor:.2f} × {reference}" if factors.size == 1 else "")
    if (left := _left(found, factor * expected)) < _EXPLAINED:
        return f"looks like a constant factor: {factor:.4f} × {reference}"
    return f"not {reference}, nor a multiple of it (the best factor {factor:.3f} leaves {left:.0%})"


def _left(found: Array, explanation: Array) -> float:
    return float(np.linalg.norm(found - explanation) / np.linalg.norm(found))


def _force_faults(sizes: Array) -> dict[str, Array]:
    from ase import units

    column, one = sizes[:, None], np.ones(1)
    return {
        "the opposite sign": -one,
        "energy per atom (or forces × n)": column * one,
        "forces divided by the number of atoms": one / column,
        "eV/bohr": one * units.Bohr,
        "Hartree/bohr": one * units.Bohr / units.Hartree,
        "kcal/mol/Å": one * units.mol / units.kcal,
        "kJ/mol/Å": one * units.mol / units.kJ,
    }


def _stress_faults(volumes: Array) -> dict[str, Array]:
    from ase import units

    column, one, shear = volumes[:, None], np.ones(1), np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    gpa, kbar = one / units.GPa, one / (1000 * units.bar)
    return {
        "the opposite sign (compressive positive)": -one,
        "GPa": gpa,
        "GPa with the opposite sign": -gpa,
        "kbar": kbar,
        "kbar with the opposite sign": -kbar,
        "a virial, not divided by the volume": column,
        "a virial with the opposite sign, not divided by the volume": -column,
        "shear components doubled": 1 + shear,
        "shear components halved": 1 - shear / 2,
    }


def _misfits(found: Array, expected: Array) -> dict[Order, float]:
    """Largest misfit (eV/Å³) of every order that the off-diagonals of (n, 6) stresses may stand in.

    Each structure may have a factor of its own, so that a wrong unit, sign or volume doesn't hide the order.
    """
    misfits = {}
    for order in permutations(range(3)):
        permuted = np.concatenate([expected[:, :3], expected[:, 3:][:, order]], axis=1)
        factors = (found * permuted).sum(axis=1, keepdims=True) / (found**2).sum(axis=1, keepdims=True).clip(min=1e-300)
        misfit = abs(permuted - factors * found)[:, 3:].max()
        misfits[tuple(_DECLARED[index] for index in order)] = float(misfit)
    return misfits


def _stresses(bench: Bench) -> Array:
    if bench.reference.stresses is None:
        raise Skipped("the potential has no stress")
    return bench.reference.stresses


def _unclaimed(bench: Bench) -> str:
    return "" if bench.forces == "conservative" else "direct forces and stress are no derivatives of the energy"
