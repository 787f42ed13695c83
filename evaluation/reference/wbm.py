"""WBM's crystals before DFT relaxed them, with what their energies are compared with: the `wbm` data set."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, cast

from evaluation.errors import PredictionsError
from evaluation.reference import dataset
from evaluation.reference.formation_energy import FormationReference
from evaluation.reference.wbm_labels import E_FORM, E_HULL, UNIQUE

if TYPE_CHECKING:
    from ase import Atoms

DATASET = "wbm"
_ID, _ATOMS, _ENERGY, _CORRECTION = "material_id", "n_sites", "uncorrected_energy", "e_correction_per_atom_mp2020"
"""Columns of Matbench Discovery's summary table: eV for the energy, eV per atom for the correction."""


@dataclass(frozen=True)
class Target:
    """DFT's answer for one crystal."""

    id: str
    reference: FormationReference
    e_above_hull: float
    """eV/atom, of corrected energies above the hull of the Materials Project."""
    unique: bool
    """Whether its prototype is in neither MP nor earlier in WBM."""

    @property
    def figures(self) -> dict[str, float]:
        """As samples and records carry it."""
        return {**self.reference.figures, "e_hull_ref": self.e_above_hull, "unique": float(self.unique)}


@cache
def targets() -> dict[str, Target]:
    """All crystals that have a corrected formation energy, by id. Raises DatasetUnavailable, PredictionsError.

    The elements' energy is what DFT's own corrected energy and its corrected formation energy differ by.
    """
    import pandas as pd

    path = dataset.fetch(DATASET, "summary")
    table = pd.read_csv(path, compression="gzip")
    columns = [_ID, _ATOMS, _ENERGY, _CORRECTION, E_FORM, E_HULL, UNIQUE]
    if missing := [column for column in columns if column not in table.columns]:
        raise PredictionsError(f"WBM's summary table has no column {', '.join(missing)}")
    table = table[columns].dropna()
    found = {}
    for name, atoms, energy, correction, e_form, e_hull, unique in table.itertuples(index=False):
        elements = energy / atoms + correction - e_form
        reference = FormationReference(correction=float(correction), elements=float(elements), e_form=float(e_form))
        found[str(name)] = Target(str(name), reference, float(e_hull), bool(unique))
    return found


def crystals(names: Iterable[str]) -> dict[str, Atoms]:
    """Initial structures by id, from an archive of one extended XYZ file per crystal, of which only these are read.

    Raises DatasetUnavailable, and PredictionsError when the archive lacks one.
    """
    from ase import Atoms
    from ase.io import read

    found = {}
    with zipfile.ZipFile(dataset.fetch(DATASET, "initial-atoms")) as archive:
        places = {place.rpartition("/")[2]: place for place in archive.namelist()}
        for name in names:
            if (place := places.get(f"{name}.extxyz")) is None:
                raise PredictionsError(f"WBM's initial structures lack {name}")
            image = cast("Atoms", read(io.StringIO(archive.read(place).decode()), format="extxyz"))
            found[name] = Atoms(numbers=image.numbers, positions=image.positions, cell=image.cell, pbc=True)
    return found
