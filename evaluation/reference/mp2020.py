"""The Materials Project's 2020 energy corrections of a crystal, as pymatgen computes them.

A. Wang et al., Sci. Rep. 11, 15496 (2021): anions by the kind of compound that they are in, and V, Cr, Mn, Fe, Co, Ni,
Mo, W in oxides and fluorides, which the Materials Project computes with a Hubbard U. Energies that a model learned with
these corrections compare with DFT's only after DFT's have them too.
"""

from __future__ import annotations

import warnings
from collections.abc import Set
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.entries.compatibility import MaterialsProject2020Compatibility

HUBBARD_U = {"Co": 3.32, "Cr": 3.7, "Fe": 5.3, "Mn": 3.9, "Mo": 4.38, "Ni": 6.2, "V": 3.25, "W": 6.2}
"""eV, of the Materials Project's calculations of oxides and fluorides (pymatgen's MPRelaxSet)."""
ANIONS = frozenset({"F", "O"})
"""Beside which the metals have it; WBM follows the Materials Project."""


def has_hubbard_u(symbols: Set[str]) -> bool:
    """Whether the Materials Project computes a crystal of these elements with a Hubbard U."""
    return bool(symbols & HUBBARD_U.keys() and symbols & ANIONS)


def correction(atoms: Atoms) -> float | None:
    """What the corrections add to a crystal's PBE or PBE+U energy, eV; None where pymatgen knows none for it."""
    from pymatgen.entries.compatibility import CompatibilityError
    from pymatgen.entries.computed_entries import ComputedStructureEntry
    from pymatgen.io.ase import AseAtomsAdaptor

    symbols = set(atoms.symbols)
    plus_u = has_hubbard_u(symbols)
    hubbards = {symbol: HUBBARD_U.get(symbol, 0.0) for symbol in symbols} if plus_u else {}
    parameters = {"run_type": "GGA+U" if plus_u else "GGA", "is_hubbard": plus_u, "hubbards": hubbards}
    bare = atoms.copy()
    bare.calc = None
    entry = ComputedStructureEntry(AseAtomsAdaptor.get_structure(bare), 0.0, parameters=parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that oxidation states are guessed by electronegativity, for each entry
        try:
            return float(sum(part.value for part in _scheme().get_adjustments(entry)))
        except CompatibilityError:
            return None


@cache
def _scheme() -> MaterialsProject2020Compatibility:
    from pymatgen.entries.compatibility import MaterialsProject2020Compatibility

    return MaterialsProject2020Compatibility(check_potcar=False)
