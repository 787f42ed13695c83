"""Holdout: the frames that a potential trained on this project's own reference data has never seen.

The split is by chemistry, and hash-seeded: whether a compound is held out follows from its formula alone, so that
training and evaluation agree without exchanging a list, and all frames of a compound fall on one side. Elements are too
few to be split so; of their frames every tenth is held out, and neighbours of it in the same trajectory are not.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ase import Atoms

HELD_OUT_OF = 10
"""One in this many is held out."""

_ELEMENT = re.compile(r"[A-Z][a-z]?[0-9]*")


def held_out(reduced_formula: str) -> bool:
    """Whether a compound is held out: the first eight hex digits of the formula's SHA-256, modulo 10, are zero.

    `reduced_formula` is pymatgen's `Composition.reduced_formula`. For an element ask `held_out_frame`.
    """
    return int(hashlib.sha256(reduced_formula.encode()).hexdigest()[:8], 16) % HELD_OUT_OF == 0


def held_out_frame(reduced_formula: str, index: int) -> bool:
    """Whether a frame is held out: by its formula, or for an element by `index`, its place in its file (from 0)."""
    if _ELEMENT.fullmatch(reduced_formula):
        return index % HELD_OUT_OF == 0
    return held_out(reduced_formula)


def reduced_formula(atoms: Atoms) -> str:
    """The formula that decides, as pymatgen's `Composition.reduced_formula` writes it."""
    from pymatgen.core import Composition

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="No Pauling electronegativity")  # of noble gases; it sorts by that
        return str(Composition(atoms.get_chemical_formula()).reduced_formula)
