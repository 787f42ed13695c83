"""Relaxation in batches: it ends where ASE's ends, whoever shares the batch, and a failure stays one crystal's own."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import moyopy
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.constraints import FixSymmetry
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE
from ase.stress import full_3x3_to_voigt_6_stress
from ase.units import GPa
from moyopy.interface import MoyoAdapter

from evaluation.physics.relax import relax
from evaluation.physics.relaxation import Relaxation, Relaxed
from tests.zoo.reference_model import ReferenceModel
from zoo.batch import Batch, StructureFailure

ROOT = Path(__file__).parents[3]
SETTINGS = Relaxation(fmax=0.02, steps=300)

FCC = {"Cu": 7.2, "Ni": 5.7, "Ag": 9.7, "Pt": 7.9}
FCC_CUBIC = {"Al": 5.3, "Pd": 8.9, "Au": 7.6}
HCP = {"Mg": 9.5, "Ti": 13.8, "Co": 6.3, "Zr": 17.7, "Ru": 10.5}
L12 = {("Cu", "Au"): 7.7, ("Pt", "Cu"): 7.6, ("Ag", "Mg"): 9.4, ("Pd", "Zn"): 6.4, ("Ti", "Al"): 8.1}
ROCKSALT = {"NaCl": 11.4, "MgO": 4.6, "TiN": 6.7, "CaO": 8.7}
"""Volume per atom near the toy potential's minimum, Å³."""


def crystals(*, strain: float = 0.02, rattle: float = 0.05) -> list[Atoms]:
    """21 crystals that the toy potential holds together, distorted."""
    found = [(bulk(symbol, "fcc", a=4.0), v) for symbol, v in FCC.items()]
    found += [(bulk(symbol, "fcc", a=4.0, cubic=True), v) for symbol, v in FCC_CUBIC.items()]
    found += [(bulk(symbol, "hcp", a=3.0, c=4.9), v) for symbol, v in HCP.items()]
    found += [(bulk(formula, "rocksalt", a=4.2), v) for formula, v in ROCKSALT.items()]
    sites = [(0, 0, 0), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]
    for (corner, face), volume in L12.items():
        found.append((Atoms([corner, *[face] * 3], scaled_positions=sites, cell=[4.0] * 3, pbc=True), volume))
    rng = np.random.default_rng(7)
    for atoms, volume in found:
        atoms.set_cell(atoms.cell * (volume * len(atoms) / atoms.get_volume()) ** (1 / 3), scale_atoms=True)
        epsilon = rng.uniform(-strain, strain, (3, 3))
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + (epsilon + epsilon.T) / 2), scale_atoms=True)
        atoms.positions += rng.normal(0, rattle, atoms.positions.shape)
    return [atoms for atoms, _ in found]


class Watched:
    """The sound potential, that notes the batches it is given."""

    def __init__(self, broken: Callable[[Atoms], StructureFailure | None] = lambda _: None) -> None:
        self.batches: list[list[str]] = []
        self.broken = broken

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        self.batches.append([str(each.symbols) for each in atoms])
        batch = ReferenceModel().compute(atoms)
        errors = [self.broken(each) for each in atoms]
        for index, error in enumerate(errors):
            if error:
                batch.energies[index] = np.nan
                batch.forces[index][:] = np.nan
        return replace(batch, errors=errors, seconds=1.0)


def in_ase(atoms: Atoms, *, filtered: Callable[[Atoms], Any] = FrechetCellFilter, symprec: float | None = None) -> Any:
    """ASE's own relaxation: (atoms, converged, steps)."""
    relaxed = atoms.copy()
    relaxed.calc = ReferenceModel()
    if symprec is not None:
        relaxed.set_constraint(FixSymmetry(relaxed, symprec=symprec))
    optimizer = FIRE(filtered(relaxed), logfile=io.StringIO())
    converged = optimizer.run(fmax=SETTINGS.fmax, steps=SETTINGS.steps)
    return relaxed, converged, optimizer.nsteps


def group(atoms: Atoms, symprec: float = 1e-4) -> int:
    return int(moyopy.MoyoDataset(MoyoAdapter.from_atoms(atoms), symprec=symprec).number)


def same(a: Relaxed, b: Relaxed, *, energy: float = 1e-6, cell: float = 1e-6) -> None:
    assert a.atoms is not None
    assert b.atoms is not None
    assert (a.converged, a.steps) == (b.converged, b.steps)
    assert a.energies == pytest.approx(b.energies, abs=energy)
    assert np.allclose(a.atoms.cell.array, b.atoms.cell.array, rtol=0, atol=cell)


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_it_ends_where_ases_ends_after_as_many_steps(every: int) -> None:
    starts = crystals()[::every]
    assert len(starts) >= 20 // every
    for start, ours in zip(starts, relax(ReferenceModel(), starts, SETTINGS), strict=True):
        theirs, converged, steps = in_ase(start)
        assert ours.atoms is not None
        assert (ours.converged, ours.error) == (converged, None)
        assert abs(ours.steps - steps) <= 1
        assert ours.energies[-1] == pytest.approx(theirs.get_potential_energy(), abs=1e-3 * len(start))
        assert ours.atoms.get_volume() == pytest.approx(theirs.get_volume(), rel=1e-3)
        assert len(ours.energies) == len(ours.max_forces) == len(ours.max_cell_forces) == ours.steps + 1
        assert ours.force_calls == ours.steps + 1


def test_the_forces_are_those_of_ases_filter() -> None:
    start = crystals()[-1]
    (ours,) = relax(ReferenceModel(), [start], replace(SETTINGS, steps=7))
    relaxed = start.copy()
    relaxed.calc = ReferenceModel()
    filtered = FrechetCellFilter(relaxed)
    trace = []

    def note() -> None:
        rows = np.linalg.norm(filtered.get_forces(), axis=1)
        trace.append((rows[:-3].max(), rows[-3:].max()))

    optimizer = FIRE(filtered, logfile=io.StringIO())
    optimizer.attach(note)
    optimizer.run(fmax=SETTINGS.fmax, steps=7)
    assert len(trace) == 8
    assert ours.max_forces == pytest.approx([atoms for atoms, _ in trace], rel=1e-5)
    assert ours.max_cell_forces == pytest.approx([cell for _, cell in trace], rel=1e-5)


# without a line search L-BFGS amplifies the rounding of sums that are taken in another order
@pytest.mark.parametrize(("optimizer", "tolerance"), [("fire", 1e-6), ("lbfgs", 1e-2)])
def test_company_and_order_change_nothing(optimizer: Any, tolerance: float) -> None:
    settings = replace(SETTINGS, optimizer=optimizer)
    starts = crystals()[3:7]
    alone = [relax(ReferenceModel(), [start], settings)[0] for start in starts]
    for order, atoms_per_batch in ((range(len(starts)), None), (range(len(starts) - 1, -1, -1), 6)):
        shuffled = [starts[index] for index in order]
        found = relax(ReferenceModel(), shuffled, settings, atoms_per_batch=atoms_per_batch)
        for index, each in zip(order, found, strict=True):
            same(each, alone[index], energy=tolerance, cell=tolerance)


def test_one_that_has_finished_leaves_its_place_to_the_next() -> None:
    starts, potential = crystals()[::2], Watched()
    found = relax(potential, starts, SETTINGS, atoms_per_batch=8)
    assert all(each.converged for each in found)
    sizes = {str(start.symbols): len(start) for start in starts}
    assert max(sum(sizes[name] for name in batch) for batch in potential.batches) == 8
    # the slowest crystal met others than those it began with
    slowest = str(starts[max(range(len(found)), key=lambda index: found[index].steps)].symbols)
    company = {frozenset(batch) for batch in potential.batches if slowest in batch}
    assert len(company) > 2
    # nothing is evaluated twice, and nothing after its end
    evaluated = [name for batch in potential.batches for name in batch]
    assert {name: evaluated.count(name) for name in sizes} == {
        str(start.symbols): each.force_calls for start, each in zip(starts, found, strict=True)
    }
    assert sum(each.seconds for each in found) == pytest.approx(len(potential.batches))


def test_a_crystal_larger_than_the_batch_runs_alone() -> None:
    starts, potential = crystals()[4:7], Watched()
    assert all(found.converged for found in relax(potential, starts, SETTINGS, atoms_per_batch=3))
    assert {len(batch) for batch in potential.batches} == {1}


def test_a_failure_is_one_crystals_own() -> None:
    starts = crystals()[:5]
    alone = relax(ReferenceModel(), starts, SETTINGS)
    polonium = bulk("Po", "sc", a=3.3)
    found = relax(ReferenceModel(), [*starts[:3], polonium, *starts[3:]], SETTINGS)
    failed = found.pop(3)
    assert (failed.atoms, failed.converged, failed.steps, failed.force_calls) == (None, False, 0, 1)
    assert failed.error == StructureFailure("unsupported", "polonium is not supported")
    assert failed.energies == []
    for ours, theirs in zip(found, alone, strict=True):
        same(ours, theirs)


def test_a_model_that_fails_on_the_way() -> None:
    starts = crystals()[:4]
    evaluated: list[str] = []

    def broken(atoms: Atoms) -> StructureFailure | None:
        evaluated.append(str(atoms.symbols))
        return StructureFailure("failed", "it broke") if evaluated.count("Ni") == 6 and evaluated[-1] == "Ni" else None

    found = relax(Watched(broken), starts, SETTINGS)
    assert [each.error and str(each.error) for each in found] == [None, "it broke", None, None]
    assert found[1].atoms is None
    assert (len(found[1].energies), found[1].steps, found[1].force_calls) == (5, 4, 6)
    assert all(each.converged for each in (found[0], found[2], found[3]))


class Explosive(ReferenceModel):
    """Its stress pushes nickel's cell apart at any size; the numbers of silver are infinite."""

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        batch = super().compute(atoms)
        assert batch.stresses is not None
        for index, each in enumerate(atoms):
            if "Ni" in each.symbols:
                batch.stresses[index] = -np.eye(3)
            if "Ag" in each.symbols:
                batch.forces[index][0] = np.inf
            if "Pt" in each.symbols:
                batch.forces[index][0] = 1e100
        return batch


def test_what_runs_away_is_stopped() -> None:
    copper, nickel, silver, platinum = relax(Explosive(), crystals()[:4], SETTINGS)
    assert copper.converged
    assert nickel.error
    assert re.match(r"the cell ran away: logarithmic strain 1\.\d\d after \d+ steps", str(nickel.error))
    assert str(silver.error) == "the energy, a force or the stress is not a number"
    assert platinum.error
    assert re.match(r"forces of \d\.\de\+100 eV/Å", str(platinum.error))
    assert nickel.atoms is silver.atoms is platinum.atoms is None


def test_no_more_steps_than_allowed() -> None:
    starts = crystals()[::5]
    found = relax(ReferenceModel(), starts, replace(SETTINGS, steps=5))
    assert {(each.converged, each.steps, each.error) for each in found} == {(False, 5, None)}
    for start, ours in zip(starts, found, strict=True):
        assert ours.atoms is not None
        relaxed = start.copy()
        relaxed.calc = ReferenceModel()
        FIRE(FrechetCellFilter(relaxed), logfile=io.StringIO()).run(fmax=SETTINGS.fmax, steps=5)
        assert np.allclose(ours.atoms.positions, relaxed.positions, rtol=0, atol=1e-6)
        assert np.allclose(ours.atoms.cell.array, relaxed.cell.array, rtol=0, atol=1e-6)


def test_what_is_relaxed_stays() -> None:
    (first,) = relax(ReferenceModel(), crystals()[:1], SETTINGS)
    assert first.atoms is not None
    (again,) = relax(ReferenceModel(), [first.atoms], SETTINGS)
    assert (again.converged, again.steps, again.force_calls) == (True, 0, 1)
    assert again.atoms is not None
    assert np.array_equal(again.atoms.positions, first.atoms.positions)


def test_a_fixed_cell_stays() -> None:
    starts = crystals()[4:12]
    found = relax(ReferenceModel(), starts, replace(SETTINGS, cell="fixed"))
    for start, ours in zip(starts, found, strict=True):
        theirs, converged, steps = in_ase(start, filtered=lambda atoms: atoms)
        assert ours.atoms is not None
        assert np.array_equal(ours.atoms.cell.array, start.cell.array)
        assert ours.max_cell_forces == []
        assert (ours.converged, ours.steps) == (converged, steps)
        assert np.allclose(ours.atoms.positions, theirs.positions, rtol=0, atol=1e-4)


class Stressless(ReferenceModel):
    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        return replace(super().compute(atoms), stresses=None)


def test_without_stress_only_a_fixed_cell_is_relaxed() -> None:
    starts = crystals()[4:6]
    assert all(each.converged for each in relax(Stressless(), starts, replace(SETTINGS, cell="fixed")))
    for each in relax(Stressless(), starts, SETTINGS):
        assert each.error == StructureFailure("unsupported", "no stress, and the cell is to relax")


def test_no_tilt_is_ases_mask() -> None:
    starts = [atoms for atoms in crystals() if len(atoms) == 4][::5]
    found = relax(ReferenceModel(), starts, replace(SETTINGS, cell="no-tilt"))
    for start, ours in zip(starts, found, strict=True):
        theirs, converged, steps = in_ase(start, filtered=lambda a: FrechetCellFilter(a, mask=[1, 1, 1, 0, 0, 0]))
        assert ours.atoms is not None
        assert (ours.converged, abs(ours.steps - steps) <= 1) == (converged, True)
        assert np.allclose(ours.atoms.cell.array, theirs.cell.array, rtol=0, atol=1e-4)
        stretch = np.linalg.solve(start.cell.array, ours.atoms.cell.array)
        assert np.allclose(stretch, np.diag(np.diag(stretch)), rtol=0, atol=1e-12)
        assert abs(np.diag(stretch) - 1).max() > 1e-3


@pytest.mark.parametrize("cell", ["full", "no-tilt"])
def test_symmetry_is_kept(cell: Any) -> None:
    """Each start is made exact first; a push that breaks the symmetry then cannot."""
    starts = crystals(strain=0.0, rattle=1e-4)[4::6]
    groups = [group(start, 0.01) for start in starts]
    assert set(groups) == {194, 221, 225}

    class Pushing(ReferenceModel):
        def compute(self, atoms: Sequence[Atoms]) -> Batch:
            batch = super().compute(atoms)
            assert batch.stresses is not None
            for index in range(len(atoms)):
                batch.forces[index][0] += 0.3
                batch.stresses[index] += np.diag([0.01, -0.01, 0.0])
            return batch

    kept = relax(Pushing(), starts, replace(SETTINGS, symprec=0.01, cell=cell), atoms_per_batch=10)
    for start, number, ours in zip(starts, groups, kept, strict=True):
        assert ours.converged
        assert ours.atoms is not None
        assert group(ours.atoms, 1e-6) == number
        theirs, _, _ = in_ase(start, symprec=0.01)
        assert ours.energies[-1] == pytest.approx(theirs.get_potential_energy(), abs=1e-3 * len(start))
        assert ours.atoms.get_volume() == pytest.approx(theirs.get_volume(), rel=1e-3)
    loose = relax(Pushing(), starts, replace(SETTINGS, steps=20))
    assert all(each.atoms is not None and group(each.atoms, 1e-4) != n for each, n in zip(loose, groups, strict=True))


def test_pressure_is_balanced_by_the_stress() -> None:
    pressure = 5 * GPa
    starts = crystals()[:3]
    for ours in relax(ReferenceModel(), starts, Relaxation(fmax=1e-4, steps=500, pressure=pressure)):
        assert ours.converged
        assert ours.atoms is not None
        stresses = ReferenceModel().compute([ours.atoms]).stresses
        assert stresses is not None
        stress = full_3x3_to_voigt_6_stress(stresses[0])
        assert np.allclose(stress, [-pressure] * 3 + [0] * 3, rtol=0, atol=2e-4)


def test_lbfgs_finds_the_same_minima_in_fewer_steps() -> None:
    starts = crystals()[::4]
    fire = relax(ReferenceModel(), starts, SETTINGS)
    lbfgs = relax(ReferenceModel(), starts, replace(SETTINGS, optimizer="lbfgs"))
    assert all(each.converged for each in lbfgs)
    for start, a, b in zip(starts, fire, lbfgs, strict=True):
        assert a.energies[-1] == pytest.approx(b.energies[-1], abs=2e-3 * len(start))
    # the toy is less even than a real model, for which a slow test below wants 4
    assert 3.5 * sum(each.steps for each in lbfgs) <= sum(each.steps for each in fire)


def test_what_is_no_crystal_is_refused() -> None:
    with pytest.raises(ValueError, match="periodic"):
        relax(ReferenceModel(), [Atoms("Cu2", positions=[(0, 0, 0), (0, 0, 2)], cell=[9] * 3, pbc=False)], SETTINGS)


def test_nothing_to_relax() -> None:
    assert relax(ReferenceModel(), [], SETTINGS) == []


def test_the_callers_atoms_are_left_alone() -> None:
    start = crystals()[4]
    start.info["name"] = "aluminium"
    before = start.copy()
    (ours,) = relax(ReferenceModel(), [start], replace(SETTINGS, symprec=0.3))
    assert start == before
    assert ours.atoms is not None
    assert ours.atoms.info == {"name": "aluminium"}
    assert ours.atoms.positions.dtype == np.float64


@pytest.mark.slow
def test_a_real_model_ends_where_ase_ends() -> None:
    """21 distorted crystals, CHGNet in its own environment: 1 meV/atom and 0.1 % in volume; L-BFGS in fewer steps."""
    import zoo
    from zoo import example_crystals as small

    starts = [small.distorted(name, seed=seed) for name in small.names() for seed in range(3)]
    with zoo.load("chgnet-0.3.0", device="cpu", threads=1) as potential:
        found = relax(potential, starts, SETTINGS)
        for start, ours in zip(starts, found, strict=True):
            theirs = start.copy()
            theirs.calc = potential
            optimizer = FIRE(FrechetCellFilter(theirs), logfile=io.StringIO())
            assert ours.converged == optimizer.run(fmax=SETTINGS.fmax, steps=SETTINGS.steps)
            assert ours.atoms is not None
            assert ours.energies[-1] == pytest.approx(theirs.get_potential_energy(), abs=1e-3 * len(start))
            assert ours.atoms.get_volume() == pytest.approx(theirs.get_volume(), rel=1e-3)
        lbfgs = relax(potential, starts, replace(SETTINGS, optimizer="lbfgs"))
    assert all(each.converged for each in lbfgs)
    assert 4 * sum(each.steps for each in lbfgs) <= sum(each.steps for each in found)


def test_a_relaxation_says_nothing_on_stderr() -> None:
    program = """
from ase.build import bulk
from evaluation.physics.relax import relax
from evaluation.physics.relaxation import Relaxation
from tests.zoo.reference_model import ReferenceModel
assert relax(ReferenceModel(), [bulk("Cu")], Relaxation(fmax=0.1, steps=1))[0].error is None
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr == ""
