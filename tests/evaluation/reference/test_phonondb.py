"""The 103 solids as the phonons task reads them. Needs the data set: its address, or a mirror of it."""

from __future__ import annotations

import gzip
import json
from collections import Counter

import numpy as np
import pytest
from ase.units import _e, mol

from evaluation.metrics import phonon
from evaluation.physics import phonons
from evaluation.reference import dataset, phonondb
from evaluation.tasks.phonons import TASK

pytestmark = pytest.mark.network

LIMITS = phonon.Thresholds(acoustic=-0.01, optical=0.0, elsewhere=0.0)


def test_the_solids_are_those_of_the_papers() -> None:
    structures = Counter(solid.structure for solid in phonondb.solids().values())
    assert structures == {"rocksalt": 37, "zincblende": 33, "wurtzite": 33}
    assert len({solid.mp_id for solid in phonondb.solids().values()}) == 103


def test_subsets_are_nested_and_in_order() -> None:
    canary, fast, full = ([s.id for s in TASK.samples(subset)] for subset in ("canary", "fast", "full"))
    assert (len(canary), len(fast), len(full)) == (4, 28, 107)
    assert fast[:4] == canary
    assert full[:28] == fast
    assert {name.rpartition("-")[2] for name in fast[4:]} == set(phonondb.STRUCTURES.values())


def test_every_solid_is_stable_in_pbe() -> None:
    for spectrum in phonondb.spectra().values():
        assert phonon.stable(spectrum.frequencies, spectrum.qpoints, LIMITS)


@pytest.mark.parametrize(("name", "divisions"), [("MgO-rocksalt", 19), ("GaAs-zincblende", 19), ("ZnO-wurtzite", 15)])
def test_the_mesh_is_the_one_that_symmetry_gives(name: str, divisions: int) -> None:
    solid, spectrum = phonondb.solids()[name], phonondb.spectra()[name]
    unit = phonons.PhononCrystal(solid.atoms, np.eye(3, dtype=int), solid.primitive_matrix, 1e-5)
    _, weights = phonons.mesh(unit, (19, 19, divisions))
    assert sorted(weights) == sorted(spectrum.weights)


def test_heat_capacities_are_those_of_the_reference() -> None:
    # the file has phono3py's, per mode in eV/K
    with gzip.open(dataset.fetch(phonondb.DATASET, "kappa"), "rt") as file:
        columns = json.load(file)
    rows = {mp_id: row for row, mp_id in columns["mp_id"].items()}
    for name, spectrum in phonondb.spectra().items():
        modes = np.array(columns["heat_capacity"][rows[phonondb.solids()[name].mp_id]])[0]
        expected = np.average(modes.mean(axis=1), weights=spectrum.weights) * 3 * _e * mol
        heat = phonon.thermal(spectrum.frequencies, spectrum.qpoints, spectrum.weights, temperature=300.0)
        assert heat is not None
        assert heat.heat_capacity == pytest.approx(expected, rel=2e-5)


def test_the_fewest_displacements_are_those_of_the_supercell() -> None:
    for name in ("MgO-rocksalt", "GaAs-zincblende", "ZnO-wurtzite"):
        moved = phonons.displacements(TASK._crystal(name), distance=0.03)
        assert len(moved.reduced) == TASK._fewest(name)
        assert set(moved.reduced) < set(moved.full)
