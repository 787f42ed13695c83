"""Compound chemistry within one model: formation energies of a few compounds from their own elements.

A fault in how species are embedded (their order in a table; which of two atoms comes first) keeps every symmetry, every
derivative and every element right, and gives compounds the energy of something else: weights of TensorNet-MatPES-PBE
under MatGL 2.2.1 and later make NaCl 0.6 and MgO 1.9 eV/atom too high. The model's own answers for the elements are the
zero, so that no level of theory and no reference energy enters. Crystals only, at experimental lattice constants,
unrelaxed; oxygen and chlorine are the crystals that they are at low temperature.

Energies at 0 K are compared with enthalpies at 298 K, of potentials whose levels of theory differ by more than that
does: it is why the bound is wide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo.batch import Batch
from zoo.checks.bench import Bench, usable
from zoo.checks.finding import Fault, Finding, Measure, Skipped

if TYPE_CHECKING:
    from ase import Atoms

BOUND = 0.6
"""eV/atom, set after five models had been seen: those of PBE without corrections are 0.2 to 0.45 too high (SevenNet-0,
TensorNet-MatPES), CHGNet 0.05."""

ENTHALPIES_KJ_PER_MOL = {
    "MgO": -601.6,
    "CaO": -634.9,
    "NaCl": -411.2,
    "KCl": -436.5,
    "LiCl": -408.6,
    "ZnO": -350.5,
}
"""Standard enthalpies of formation of the crystals at 298 K, kJ/mol of formula units: CRC Handbook of Chemistry and
Physics, Standard Thermodynamic Properties of Chemical Substances (as the package `chemicals` 1.5.2 has that table).

Other sources differ by 0.4 kJ/mol at most, 0.002 eV/atom: NASA's polynomials of the JANAF tables, and for ZnO, which
they lack, Wikipedia's page (`tests/zoo/checks/test_claims.py`)."""


def chemistry(bench: Bench) -> Finding:
    """Compounds are bound as they are in nature, within what separates levels of theory; else species are mixed up."""
    if bench.card is None:
        raise Skipped("no card was given")
    listed = bench.card.elements
    if listed is None:
        raise Skipped("the card doesn't say which elements it was made for")
    formed = {name: atoms for name, atoms in compounds().items() if set(atoms.symbols) <= set(listed)}
    if not formed:
        raise Skipped(f"the card's elements make none of {', '.join(ENTHALPIES_KJ_PER_MOL)}")
    energies = _energies(bench, formed)
    wanted = enthalpies()
    measures = []
    told = []
    for name, atoms in formed.items():
        found = energies[name] - sum(energies[symbol] for symbol in atoms.symbols) / len(atoms)
        measures.append(Measure(f"of {name}", abs(found - wanted[name]), BOUND, "eV/atom"))
        told.append(f"{name} {found:+.2f} ({wanted[name]:+.2f})")
    return Finding(
        tuple(measures),
        diagnosis="compounds are wrong where their elements are the zero: looks like species in another order, or an "
        "embedding that takes the two atoms of a pair the other way round (weights of another version of the library)",
        if_declared="cannot be told from mixed-up species by this check",
        note=f"formation energies in eV/atom (and the enthalpies): {', '.join(told)}",
    )


def enthalpies() -> dict[str, float]:
    """Standard enthalpies of formation by formula, eV/atom."""
    from ase.formula import Formula
    from ase.units import kJ, mol

    return {name: value * kJ / mol / len(Formula(name)) for name, value in ENTHALPIES_KJ_PER_MOL.items()}


def compounds() -> dict[str, Atoms]:
    """The compounds by formula: primitive cells at experimental lattice constants (Å)."""
    from ase.build import bulk

    rocksalt = {"MgO": 4.211, "CaO": 4.811, "NaCl": 5.640, "KCl": 6.292, "LiCl": 5.130}
    found = {name: bulk(name, "rocksalt", a=a) for name, a in rocksalt.items()}
    found["ZnO"] = bulk("ZnO", "wurtzite", a=3.250, c=5.207, u=0.382)
    return found


def elements() -> dict[str, Atoms]:
    """The elements by symbol, likewise."""
    import numpy as np
    from ase import Atoms
    from ase.build import bulk
    from ase.spacegroup import crystal

    found: dict[str, Atoms] = {
        "Li": bulk("Li", "bcc", a=3.510),
        "Na": bulk("Na", "bcc", a=4.291),
        "K": bulk("K", "bcc", a=5.328),
        "Mg": bulk("Mg", "hcp", a=3.209, c=5.211),
        "Ca": bulk("Ca", "fcc", a=5.588),
        "Zn": bulk("Zn", "hcp", a=2.665, c=4.947),
    }
    found["Cl"] = crystal(  # at 22 K
        "Cl",
        [(0, 0.1173, 0.1016)],
        spacegroup=64,
        cellpar=[6.145, 4.395, 8.154, 90, 90, 90],
        primitive_cell=True,
    )
    # α-oxygen at 23 K: molecules of 1.21 Å at right angles to the layers of a monoclinic C2/m cell
    a, b, c, beta = 5.403, 3.429, 5.086, np.radians(132.53)
    vectors = np.array([[a / 2, b / 2, 0], [-a / 2, b / 2, 0], [c * np.cos(beta), 0, c * np.sin(beta)]])
    found["O"] = Atoms("O2", [[0, 0, -0.605], [0, 0, 0.605]], cell=vectors, pbc=True)
    return found


def _energies(bench: Bench, formed: dict[str, Atoms]) -> dict[str, float]:
    """eV/atom of the compounds and of the elements that they are made of."""
    needed = {symbol for atoms in formed.values() for symbol in atoms.symbols}
    asked = {**formed, **{symbol: atoms for symbol, atoms in elements().items() if symbol in needed}}
    batch: Batch = bench.ask(list(asked.values()))
    try:
        batch = usable(batch, list(asked.values()))
    except Fault as fault:
        raise Fault(f"a crystal of the card's own elements has no answer: {fault}") from None
    return {name: float(batch.energies[index]) / len(atoms) for index, (name, atoms) in enumerate(asked.items())}
