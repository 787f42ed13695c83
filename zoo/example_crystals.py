"""Small crystals known by name, for canaries and conformance: built here, so no download and no ambiguity."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ase import Atoms

# Lattice constants (Å) are near experiment; nothing rests on their being exact, only on their being fixed.
_ROCKSALT = {"NaCl": 5.64, "MgO": 4.21, "LiF": 4.03, "TiN": 4.24}
_ZINCBLENDE = {"ZnS": 5.41, "GaAs": 5.65, "SiC": 4.36}
_ELEMENTS = {"Al": ("fcc", 4.05), "Cu": ("fcc", 3.61), "Na": ("bcc", 4.29), "W": ("bcc", 3.16), "Si": ("diamond", 5.43)}


def names() -> tuple[str, ...]:
    """Names of all compounds."""
    return tuple(f"{formula.lower()}-rocksalt" for formula in _ROCKSALT) + tuple(
        f"{formula.lower()}-zincblende" for formula in _ZINCBLENDE
    )


def element_names() -> tuple[str, ...]:
    """Names of all crystals of one element."""
    return tuple(f"{symbol.lower()}-{prototype}" for symbol, (prototype, _) in _ELEMENTS.items())


def ideal(name: str) -> Atoms:
    """The perfect crystal, periodic: a compound's primitive cell, an element's cubic one. Raises KeyError."""
    return _built(name, cubic=False)


def conventional(name: str) -> Atoms:
    """The same crystal's cubic cell, eight atoms."""
    return _built(name, cubic=True)


def distorted(name: str, *, seed: int = 0, rattle: float = 0.05, strain: float = 0.02) -> Atoms:
    """The crystal without any symmetry left: every force and stress component is nonzero.

    `rattle`: standard deviation of the displacements, Å; `strain`: bound of the uniform symmetric strain.
    """
    return distort(ideal(name), seed=seed, rattle=rattle, strain=strain)


def distort(atoms: Atoms, *, seed: int = 0, rattle: float = 0.05, strain: float = 0.02) -> Atoms:
    """Likewise of any crystal: a copy."""
    import numpy as np

    rng = np.random.default_rng(seed)
    copy: Atoms = atoms.copy()
    epsilon = rng.uniform(-strain, strain, (3, 3))
    copy.set_cell(copy.cell.array @ (np.eye(3) + (epsilon + epsilon.T) / 2), scale_atoms=True)
    copy.positions += rng.normal(0.0, rattle, copy.positions.shape)
    return copy


def _built(name: str, *, cubic: bool) -> Atoms:
    from ase.build import bulk

    if name in element_names():
        symbol, (prototype, a) = list(_ELEMENTS.items())[element_names().index(name)]
        return bulk(symbol, prototype, a=a, cubic=True)  # of one atom nothing could be displaced
    symbol, _, prototype = name.partition("-")
    table = {"rocksalt": _ROCKSALT, "zincblende": _ZINCBLENDE}[prototype]
    formula, a = next((f, a) for f, a in table.items() if f.lower() == symbol)
    return bulk(formula, prototype, a=a, cubic=cubic)
