"""Structures: a fixed, seeded set of ordered crystals for a teacher to label.

Ionic compounds: neutral ones, by the elements' common oxidation states, in rocksalt, zincblende, wurtzite, caesium
chloride and perovskite. In the first four, two kinds of cation or anion may share the sites, so that bonds as in AB
compounds are there while the formulas of those compounds are not. Alloys: any elements on close-packed and
body-centred lattices, and half-Heusler crystals. Elements: on five lattices. Nothing that the evaluations use is among
them; the caller's `Reserved` says what that is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.data import atomic_numbers

from evaluation.recipes.reserved import Reserved

VOLUMES = (0.86, 1.0, 1.17)
"""Of a compound, relative to the guess; its equilibrium volume is interpolated from the stresses there."""
ELEMENT_VOLUMES = (0.78, 0.9, 1.1, 1.28)
LATTICES = ("sc", "fcc", "bcc", "hcp", "diamond")
ATTEMPTS = 1000
"""Draws until a compound is neutral and not reserved."""

OXIDATION = {
    1: "Li Na K Rb Cs Cu Ag Tl",
    2: "Be Mg Ca Sr Ba Zn Cd Hg Eu Yb Ge Sn Pb",
    3: "B Al Ga In Tl Sc Y La Ce Pr Nd Sm Gd Tb Dy Ho Er Tm Lu Cr Bi",
    4: "C Si Ge Sn Ti Zr Hf Pb Th",
    5: "V Nb Ta P As Sb",
    -1: "H F Cl Br I",
    -2: "O S Se Te",
    -3: "N P As Sb Bi",
    -4: "C Si Ge",
}
"""Common oxidation states of the elements that ionic compounds are made of."""


@dataclass(frozen=True)
class Host:
    """Sites of a crystal, fractional, in a cell of unit shape that is scaled to the volume."""

    cell: tuple[tuple[float, float, float], ...]
    cations: tuple[tuple[float, float, float], ...]
    anions: tuple[tuple[float, float, float], ...]


_TETRAGONAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, sqrt(2)))
_DOUBLE = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 2.0))
_CUBIC = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_FACE_CENTRED = ((0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0))
_HEXAGONAL = ((1.0, 0.0, 0.0), (-0.5, sqrt(3) / 2, 0.0), (0.0, 0.0, sqrt(8 / 3)))

IONIC = {
    "rocksalt": Host(_TETRAGONAL, ((0, 0, 0), (0.5, 0.5, 0.5)), ((0, 0, 0.5), (0.5, 0.5, 0))),
    "zincblende": Host(_TETRAGONAL, ((0, 0, 0), (0.5, 0.5, 0.5)), ((0.5, 0, 0.25), (0, 0.5, 0.75))),
    "wurtzite": Host(
        _HEXAGONAL,
        ((1 / 3, 2 / 3, 0), (2 / 3, 1 / 3, 0.5)),
        ((1 / 3, 2 / 3, 0.375), (2 / 3, 1 / 3, 0.875)),
    ),
    "caesium chloride": Host(_DOUBLE, ((0, 0, 0), (0, 0, 0.5)), ((0.5, 0.5, 0.25), (0.5, 0.5, 0.75))),
    "perovskite": Host(_CUBIC, ((0, 0, 0), (0.5, 0.5, 0.5)), ((0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5))),
}
ALLOYS = {
    "fcc": Host(_CUBIC, ((0, 0, 0), (0.5, 0.5, 0)), ((0.5, 0, 0.5), (0, 0.5, 0.5))),
    "bcc": Host(_DOUBLE, ((0, 0, 0), (0.5, 0.5, 0.25)), ((0, 0, 0.5), (0.5, 0.5, 0.75))),
    "half-Heusler": Host(_FACE_CENTRED, ((0, 0, 0), (0.25, 0.25, 0.25)), ((0.5, 0.5, 0.5),)),
}
_SHARES = {
    "rocksalt": 0.24,
    "zincblende": 0.24,
    "wurtzite": 0.16,
    "caesium chloride": 0.05,
    "perovskite": 0.06,
    "fcc": 0.1,
    "bcc": 0.1,
    "half-Heusler": 0.05,
}
"""Of the compounds; more where the lattice dynamics is scored."""


def compounds(
    n: int, *, elements: Sequence[str], volumes: Mapping[str, float], reserved: Reserved, rng: np.random.Generator
) -> list[Atoms]:
    """`n` ordered compounds at the volume (Å³ per atom, by symbol) that the elements suggest.

    Raises RuntimeError when no compound is found that is not reserved.
    """
    hosts = IONIC | ALLOYS
    names = rng.choice(list(_SHARES), size=n, p=list(_SHARES.values()))
    known = [symbol for symbol in elements if symbol in volumes]
    return [
        _compound(hosts[name], ionic=name in IONIC, elements=known, volumes=volumes, reserved=reserved, rng=rng)
        for name in names
    ]


def _compound(
    host: Host,
    *,
    ionic: bool,
    elements: Sequence[str],
    volumes: Mapping[str, float],
    reserved: Reserved,
    rng: np.random.Generator,
) -> Atoms:
    for _ in range(ATTEMPTS):
        symbols = _neutral(host, elements, rng) if ionic else _any(host, elements, rng)
        if symbols is None or len(set(symbols)) == 1:
            continue
        atoms = Atoms(symbols, cell=host.cell, scaled_positions=host.cations + host.anions, pbc=True)
        scaled(atoms, sum(volumes[symbol] for symbol in symbols))
        if not reserved.holds(atoms):
            return atoms
    raise RuntimeError(f"no compound was found in {ATTEMPTS} draws that the evaluations do not use")


def _neutral(host: Host, elements: Sequence[str], rng: np.random.Generator) -> list[str] | None:
    """Symbols of a draw, cations first; None when the charges do not add up to zero."""
    kinds = {+1: (1, 2, 3, 4, 5), -1: (-1, -2, -3, -4)}
    total, symbols = 0, list[str]()
    for sign, sites in ((+1, len(host.cations)), (-1, len(host.anions))):
        alike = (sign == -1 and sites == 3) or rng.random() < 0.5
        drawn = [_ion(kinds[sign], elements, rng) for _ in range(1 if alike else sites)]
        drawn = drawn * sites if alike else drawn
        total += sum(charge for charge, _ in drawn)
        symbols += [symbol for _, symbol in drawn]
    return symbols if total == 0 else None


def _ion(charges: tuple[int, ...], elements: Sequence[str], rng: np.random.Generator) -> tuple[int, str]:
    charge = int(rng.choice(charges))
    return charge, str(rng.choice([symbol for symbol in OXIDATION[charge].split() if symbol in elements]))


def _any(host: Host, elements: Sequence[str], rng: np.random.Generator) -> list[str]:
    """One element on the first sites, two on the others."""
    first, second, third = (str(symbol) for symbol in rng.choice(elements, size=3))
    if len(host.anions) == 1:
        return [first, second, third]
    return [first, first, second, third if rng.random() < 0.7 else second]


def unaries(elements: Sequence[str], volumes: Mapping[str, float], reserved: Reserved) -> list[Atoms]:
    """The elements on five lattices at four volumes each, but for the volumes that are reserved."""
    found = []
    for symbol in elements:
        for lattice in LATTICES if symbol in volumes else ():
            for ratio in ELEMENT_VOLUMES:
                atoms = bulk(symbol, lattice, a=1.0, covera=sqrt(8 / 3) if lattice == "hcp" else None)
                scaled(atoms, len(atoms) * volumes[symbol] * ratio)
                if not reserved.holds(atoms):
                    found.append(atoms)
    return found


def at_volumes(atoms: Atoms) -> list[Atoms]:
    """Copies at the three volumes from which `equilibrium` takes its own."""
    return [scaled(atoms.copy(), atoms.get_volume() * ratio) for ratio in VOLUMES]


def equilibrium(copies: Sequence[Atoms], pressures: Sequence[float]) -> Atoms:
    """The crystal at the volume where the pressure vanishes, linear in ln V between the two copies around it.

    Where it vanishes nowhere among them: the copy with the smallest pressure.
    """
    logarithms = np.log([atoms.get_volume() for atoms in copies])
    nearest = copies[int(np.argmin(np.abs(pressures)))]
    for k in range(len(copies) - 1):
        low, high = pressures[k], pressures[k + 1]
        if low > 0 >= high:
            share = low / (low - high)
            volume = np.exp(logarithms[k] + share * (logarithms[k + 1] - logarithms[k]))
            return scaled(nearest.copy(), float(volume))
    return nearest


def strained(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """A cell doubled along its shortest axis, with up to 5 % of strain and a rattle of 0.01 to 0.3 Å."""
    repeats = [1, 1, 1]
    if len(atoms) <= 4:
        repeats[int(np.argmin(atoms.cell.lengths()))] = 2
    changed: Atoms = atoms * tuple(repeats)
    strain = rng.uniform(-0.05, 0.05, size=(3, 3)) * np.where(np.eye(3) == 1, 1.0, 0.6)
    changed.set_cell(changed.cell.array @ (np.eye(3) + (strain + strain.T) / 2), scale_atoms=True)
    amplitude = float(np.exp(rng.uniform(np.log(0.01), np.log(0.3))))
    changed.positions += amplitude * rng.normal(size=changed.positions.shape) / sqrt(3)
    return changed


def displaced(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """A supercell, doubled along its two shortest axes, with one atom displaced by 0.02 to 0.1 Å."""
    repeats = np.ones(3, dtype=int)
    repeats[np.argsort(atoms.cell.lengths(), kind="stable")[:2]] = 2
    changed: Atoms = atoms * tuple(int(repeat) for repeat in repeats)
    direction = rng.normal(size=3)
    changed.positions[int(rng.integers(len(changed)))] += rng.uniform(0.02, 0.1) * direction / np.linalg.norm(direction)
    return changed


def scaled(atoms: Atoms, volume: float) -> Atoms:
    """The same atoms, scaled in place to a volume in Å³."""
    atoms.set_cell(atoms.cell.array * (volume / atoms.get_volume()) ** (1 / 3), scale_atoms=True)
    return atoms


def atomic_volumes(crystals: Sequence[Atoms]) -> dict[str, float]:
    """Å³ per atom by symbol: the non-negative volumes whose sums come closest to the crystals', per atom."""
    from scipy.optimize import nnls

    symbols = sorted({symbol for atoms in crystals for symbol in atoms.symbols}, key=atomic_numbers.__getitem__)
    sizes = np.array([len(atoms) for atoms in crystals])
    counts = np.array([[atoms.symbols.count(symbol) for symbol in symbols] for atoms in crystals])
    found, _ = nnls(counts / sizes[:, None], np.array([atoms.get_volume() for atoms in crystals]) / sizes)
    # what others fill completely still needs room on its own
    return {symbol: max(round(float(volume), 2), 4.0) for symbol, volume in zip(symbols, found, strict=True)}
