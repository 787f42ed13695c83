"""Every fault the checker must find: how to make it, and the name it must be found by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from ase import units
from ase.calculators.calculator import PropertyNotImplementedError

from tests.zoo import broken
from tests.zoo.reference_model import Float32, ReferenceModel
from zoo.cards.mode import Dtype


@dataclass(frozen=True)
class Fault:
    """One fault: how to make the potential, and how it must be found."""

    make: Callable[[], ReferenceModel]
    check: str
    """The check that must fail."""
    says: str
    """A part of that check's detail."""
    also: frozenset[str] | None = frozenset()
    """The other checks that fail, exactly; None where which others fail depends on the structures."""
    dtype: Dtype = "float64"


ONE_CELL = frozenset({"translation", "extensivity", "large system"})

FAULTS: dict[str, Fault] = {
    "stress in GPa": Fault(
        lambda: broken.AltersAnswer(broken.stress_times(1 / units.GPa)), "stress", "looks like GPa: 160.22 × dE/dε"
    ),
    "stress in kbar": Fault(
        lambda: broken.AltersAnswer(broken.stress_times(1 / (1000 * units.bar))),
        "stress",
        "looks like kbar: 1602.18 × dE/dε",
    ),
    "stress sign flipped": Fault(
        lambda: broken.AltersAnswer(broken.stress_times(-1)), "stress", "looks like the opposite sign"
    ),
    "pressure in GPa": Fault(
        lambda: broken.AltersAnswer(broken.stress_times(-1 / units.GPa)),
        "stress",
        "looks like GPa with the opposite sign: -160.22 ×",
    ),
    "virial for stress": Fault(
        lambda: broken.AltersAnswer(broken.stress_times(lambda atoms: float(atoms.get_volume()))),
        "stress",
        "looks like a virial, not divided by the volume",
        frozenset({"extensivity", "large system"}),
    ),
    "shear doubled": Fault(
        lambda: broken.AltersAnswer(broken.shear_doubled),
        "stress",
        "looks like shear components doubled",
        frozenset({"rotation", "inversion"}),
    ),
    "stress off by a factor": Fault(
        lambda: broken.AltersAnswer(broken.stress_times(1.02)), "stress", "looks like a constant factor: 1.0200 × dE/dε"
    ),
    "Voigt order of LAMMPS": Fault(
        lambda: broken.AltersAnswer(broken.stress_order(5, 4, 3)),
        "voigt order",
        "looks like xx yy zz xy xz yz (LAMMPS's order)",
        frozenset({"stress", "rotation", "inversion"}),
    ),
    "Voigt order of VASP": Fault(
        lambda: broken.AltersAnswer(broken.stress_order(5, 3, 4)),
        "voigt order",
        "looks like xx yy zz xy yz xz (VASP's order)",
        frozenset({"stress", "rotation", "inversion"}),
    ),
    "Voigt order through ASE": Fault(
        lambda: broken.AseResults(broken.lammps_stress), "ase voigt order", "looks like xx yy zz xy xz yz"
    ),
    "3×3 stress through ASE": Fault(
        lambda: broken.AseResults(broken.matrix_stress), "stress shape", "(3, 3), not (6,)"
    ),
    "another energy through ASE": Fault(
        lambda: broken.AseResults(broken.other_energy), "ase interface", "not compute's"
    ),
    "no free energy": Fault(
        lambda: broken.AseResults(broken.no_free_energy), "ase interface", PropertyNotImplementedError.__name__
    ),
    "stale cache": Fault(broken.StaleCache, "ase interface", "not compute's", frozenset({"ase voigt order"})),
    "force sign flipped": Fault(
        lambda: broken.AltersAnswer(broken.forces_times(-1)), "forces", "looks like the opposite sign: -1.00 ×"
    ),
    "forces × 1.02": Fault(
        lambda: broken.AltersAnswer(broken.forces_times(1.02)),
        "forces",
        "looks like a constant factor: 1.0200 × -dE/dx",
    ),
    "forces × 1.02 among float32's noise": Fault(
        lambda: broken.AltersAnswer(broken.forces_times(1.02), Float32),
        "forces",
        "looks like a constant factor: 1.02",
        dtype="float32",
    ),
    "forces in Hartree/bohr": Fault(
        lambda: broken.AltersAnswer(broken.forces_times(units.Bohr / units.Hartree)),
        "forces",
        "looks like Hartree/bohr: 0.02 ×",
    ),
    "no forces": Fault(lambda: broken.AltersAnswer(broken.forces_times(0)), "forces", "all zero, where -dE/dx is not"),
    "energy jumps at a cutoff": Fault(
        lambda: broken.AltersAnswer(broken.jumping),
        "continuity",
        "the energy jumps, as it does where messages do not fade out",
        frozenset({"forces"}),
    ),
    "NaN stress": Fault(
        lambda: broken.AltersAnswer(broken.nan_stress), "finite", "2 atoms): stress not finite, and no error", None
    ),
    "external field": Fault(
        lambda: broken.AltersAnswer(broken.external_field), "translation", "depends on the origin", None
    ),
    "net drift": Fault(
        lambda: broken.AltersAnswer(broken.net_drift),
        "net force",
        "net drift",
        frozenset({"forces", "rotation", "inversion"}),
    ),
    "not equivariant under inversion": Fault(
        lambda: broken.AltersAnswer(broken.left_handed),
        "inversion",
        "not equivariant under inversion",
        frozenset({"forces", "net force"}),
    ),
    "noise on repeat": Fault(
        lambda: broken.AltersAnswer(broken.noise_on_repeat()), "determinism", "noise on repeat", dtype="float32"
    ),
    "ignores pbc": Fault(
        lambda: broken.OtherInput(broken.without_pbc), "periodicity", "looks like pbc is ignored", ONE_CELL
    ),
    "signed volume": Fault(
        lambda: broken.AltersAnswer(broken.signed_volume),
        "choice of cell",
        "the stress of a left-handed cell has the wrong sign",
    ),
    "NaN above 50 atoms": Fault(
        lambda: broken.AltersAnswer(broken.nan_above_50_atoms),
        "large system",
        "128 atoms): energy and forces not finite",
    ),
    "energy per atom": Fault(
        lambda: broken.AltersAnswer(broken.energy_per_atom),
        "extensivity",
        "looks like energy per atom",
        frozenset({"forces", "stress", "large system"}),
    ),
    "answers in another order": Fault(
        lambda: broken.AltersAnswer(broken.reversed_order),
        "batch equals single",
        "another order: where 0, 1, 2, … were asked",
        None,
    ),
    "padding leaks": Fault(
        lambda: broken.AltersAnswer(broken.leaking_padding), "batch equals single", "depends on the others", None
    ),
    "species sorted, positions not": Fault(
        lambda: broken.OtherInput(broken.sorted_species),
        "permutation",
        "depends on the order of the atoms",
        frozenset({"extensivity", "large system"}),
    ),
    "positions in float32": Fault(
        lambda: broken.OtherInput(broken.float32_positions),
        "far translation",
        "looks like positions rounded to float32",
        dtype="float32",
    ),
    "float32 inside float64": Fault(Float32, "precision", "looks like float32 arithmetic inside", None),
    "not equivariant": Fault(broken.Stretched, "rotation", "not equivariant under rotation", frozenset({"inversion"})),
    "another species": Fault(
        lambda: broken.OtherInput(broken.next_species), "canary", "species mixed up: mgo-rocksalt has energy", None
    ),
    "guesses at polonium": Fault(
        lambda: broken.OtherInput(broken.polonium_is_tellurium), "unsupported element", "must be of kind 'unsupported'"
    ),
    "NaN is zero": Fault(
        lambda: broken.OtherInput(broken.nan_is_zero), "bad input", "a NaN position gave a finite energy of"
    ),
    "raises for a bad structure": Fault(
        lambda: broken.Refuses(broken.a_bad_structure), "bad input", "raised ValueError: a position is not finite"
    ),
    "raises for an empty list": Fault(
        lambda: broken.Refuses(broken.an_empty_list), "empty list", "raised IndexError: list index out of range"
    ),
    "wraps its input": Fault(
        lambda: broken.Mutates(lambda atoms: [each.wrap() for each in atoms]),
        "input not mutated",
        "its input: positions",
    ),
    "labels its input": Fault(
        lambda: broken.Mutates(lambda atoms: [each.info.update(seen=True) for each in atoms]),
        "input not mutated",
        "its input: info",
    ),
    "sorts its list": Fault(
        lambda: broken.Mutates(lambda atoms: atoms.sort(key=len, reverse=True)), "input not mutated", "the list itself"
    ),
    "float32 arrays": Fault(
        lambda: broken.AltersAnswer(lambda _, batch: replace(batch, energies=batch.energies.astype(np.float32))),
        "shapes",
        "energies are float32",
        None,
    ),
    "one array of forces": Fault(
        lambda: broken.AltersAnswer(
            lambda _, batch: replace(batch, forces=[np.concatenate([np.empty((0, 3)), *batch.forces])])
        ),
        "shapes",
        "1 forces and 4 errors for 4 structures",
        None,
    ),
}
