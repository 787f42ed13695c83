"""Frames: the DFT calculations that a recipe learns from, and those that it never sees."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read
from ase.units import GPa

from evaluation.recipes.recipe import Recipe, Teacher
from evaluation.recipes.reserved import Reserved, reserved
from evaluation.recipes.teacher import Show, labelled
from evaluation.reference import dataset
from evaluation.reference.holdout import held_out_frame, reduced_formula
from evaluation.reference.pymatgen_json import crystal
from zoo.files import whole
from zoo.loading import load

Part = Literal["train", "validation", "test"]
RELAXED = "alexandria-pressure/000-gpa"
"""The crystals from which a teacher's structures are made."""


@dataclass(frozen=True)
class Frame:
    """A structure with energy (eV), forces (eV/Å) and stress (eV/Å³, tensile positive) on its calculator."""

    atoms: Atoms
    source: str
    """`dataset/file`, or `teacher/kind`."""
    part: Part


def frames(recipe: Recipe, folder: Path, *, show: Show = lambda *_: None) -> list[Frame]:
    """All frames of the recipe, in a fixed order; a teacher's labels are kept in `folder`.

    The test frames are those of `holdout`. Raises DatasetUnavailable, and what the teacher's loading raises.
    """
    data = recipe.data
    free = reserved() if data.reserved else None
    found = []
    for name, source in data.sources.items():
        for file in source.files:
            show(f"reading {name}/{file}", 0, 1)
            for index, atoms in _read(name, file, recipe):
                if _share(f"take {name}/{file}/{index}", source.every) or not _fits(atoms, recipe):
                    continue
                if free is None or not free.holds(atoms):
                    found.append(Frame(atoms, f"{name}/{file}", _part(atoms, index)))
    if data.teacher is not None:
        assert free is not None  # the recipe's schema says so
        crystals = [frame.atoms for frame in found if frame.source == RELAXED and frame.part == "train"]
        found += _from_teacher(recipe, data.teacher, crystals, free=free, folder=folder, show=show)
    return found


def _from_teacher(
    recipe: Recipe, teacher: Teacher, crystals: list[Atoms], *, free: Reserved, folder: Path, show: Show
) -> list[Frame]:
    with load(teacher.entry, threads=1) as potential:
        labels = labelled(
            teacher,
            elements=recipe.elements,
            crystals=crystals,
            reserved=free,
            potential=potential,
            folder=folder,
            show=show,
        )
    return [
        Frame(atoms, f"teacher/{kind}", _part(atoms, index))
        for index, (kind, atoms) in enumerate(labels)
        if _fits(atoms, recipe)
    ]


def save(found: list[Frame], path: Path) -> None:
    """Write the frames as plain arrays, for fit.py."""
    sizes = [len(frame.atoms) for frame in found]
    arrays: dict[str, Any] = {
        "sizes": np.array(sizes),
        "parts": np.array([frame.part for frame in found]),
        "sources": np.array([frame.source for frame in found]),
        "numbers": np.concatenate([frame.atoms.numbers for frame in found]),
        "positions": np.concatenate([frame.atoms.positions for frame in found]),
        "forces": np.concatenate([frame.atoms.get_forces() for frame in found]),
        "cells": np.array([frame.atoms.cell.array for frame in found]),
        "energies": np.array([frame.atoms.get_potential_energy() for frame in found]),
        "stresses": np.array([frame.atoms.get_stress(voigt=False) for frame in found]),
    }
    with whole(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _fits(atoms: Atoms, recipe: Recipe) -> bool:
    symbols = set(atoms.symbols)
    if not symbols <= set(recipe.elements):
        return False
    if symbols & set(recipe.data.plus_u.metals) and symbols & set(recipe.data.plus_u.anions):
        return False
    largest_force = float(np.abs(atoms.get_forces()).max())
    largest_stress = float(np.abs(atoms.get_stress()).max())
    return largest_force <= recipe.data.largest_force and largest_stress <= recipe.data.largest_stress


def _part(atoms: Atoms, index: int) -> Part:
    name = reduced_formula(atoms)
    if held_out_frame(name, index):
        return "test"
    whole = f"{name} {index}" if len(set(atoms.symbols)) == 1 else name
    return "validation" if _share(f"validation {whole}", 20) == 0 else "train"


def _share(text: str, parts: int) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) % parts


def _read(name: str, file: str, recipe: Recipe) -> Iterator[tuple[int, Atoms]]:
    """A file's frames with their places in it; those of other elements may be missing."""
    path = dataset.fetch(name, file)
    match name:
        case "mattersim-bench":
            with gzip.open(path, "rt") as text:
                yield from enumerate(_extxyz(text.read()))
        case "mlearn":
            with lzma.open(path, "rt") as text:
                yield from enumerate(_on_one_scale(_extxyz(text.read())))
        case "alexandria-pressure":
            with bz2.open(path, "rt") as text:
                entries = json.load(text)["entries"]
            for index, entry in enumerate(entries):
                if entry["composition"].keys() <= set(recipe.elements):
                    yield index, _from_entry(entry, pressure=float(file[:3]) * GPa)
        case _:
            raise ValueError(f"the recipe reads no dataset {name!r}")


def _extxyz(text: str) -> list[Atoms]:
    # from memory: ASE looks for every frame's place in the file first, and to seek in a compressed one is slow
    return cast(list[Atoms], read(io.StringIO(text), ":", format="extxyz"))


def _from_entry(entry: dict[str, Any], *, pressure: float) -> Atoms:
    """A pymatgen entry. Under pressure its energy is the enthalpy; its stress is in kbar with VASP's sign."""
    structure = entry["structure"]
    atoms = crystal(structure)
    atoms.calc = SinglePointCalculator(
        atoms,
        energy=entry["data"]["energy_total"] - pressure * atoms.get_volume(),
        forces=np.array([site["properties"]["forces"] for site in structure["sites"]]),
        stress=-np.array(entry["data"]["stress"]) * 0.1 * GPa,
    )
    return atoms


def _on_one_scale(found: list[Atoms]) -> Iterator[Atoms]:
    """Shift each element's energies so that its lowest frame, the ground state, has the Materials Project's energy.

    The pseudopotentials differ for one element (germanium, by 0.13 eV/atom).
    """
    with gzip.open(dataset.fetch("wbm-972", "elements"), "rt") as text:
        references = json.load(text)
    lowest: dict[str, float] = {}
    for atoms in found:
        symbol = atoms.symbols[0]
        lowest[symbol] = min(lowest.get(symbol, np.inf), atoms.get_potential_energy() / len(atoms))
    for atoms in found:
        symbol = atoms.symbols[0]
        shift = min(references[symbol]["energy_per_atom"]) - lowest[symbol]
        energy = atoms.get_potential_energy() + len(atoms) * shift
        forces, stress = atoms.get_forces(), atoms.get_stress(voigt=False)
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces, stress=stress)
        yield atoms
