from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.lj import LennardJones
from ase.cluster import Octahedron
from ase.stress import voigt_6_to_full_3x3_stress

from zoo.batch import Batch
from zoo.wrappers.energy_only import EnergyOnly


class LJ:
    """ASE's Lennard-Jones as a potential."""

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        calculator = LennardJones(epsilon=0.4, sigma=2.3, rc=6.0, smooth=True)
        energies, forces, stresses = [], [], []
        for each in atoms:
            energies.append(calculator.get_potential_energy(each))
            forces.append(calculator.get_forces(each))
            nothing = np.full((3, 3), np.nan)
            stresses.append(voigt_6_to_full_3x3_stress(calculator.get_stress(each)) if each.pbc.all() else nothing)
        return Batch(np.array(energies), forces, np.array(stresses), [None] * len(atoms), 0.0)


@pytest.fixture(scope="module")
def atoms() -> Atoms:
    rattled: Atoms = bulk("Cu", a=3.7).repeat((2, 1, 1))
    rattled.rattle(0.1, seed=1)
    stretch = np.array([[1.01, 0.02, 0], [0.02, 1, 0.03], [0, 0.03, 0.98]])
    rattled.set_cell(rattled.cell.array @ stretch, scale_atoms=True)
    return rattled


def errors(atoms: Atoms, step: float) -> tuple[float, float]:
    analytic, numeric = LJ().compute([atoms]), EnergyOnly(LJ(), step=step, strain=step).compute([atoms])
    assert analytic.stresses is not None
    assert numeric.stresses is not None
    assert numeric.energies[0] == analytic.energies[0]
    force, stress = numeric.forces[0] - analytic.forces[0], numeric.stresses[0] - analytic.stresses[0]
    return float(abs(force).max()), float(abs(stress).max())


def test_forces_and_stress_are_the_analytic_ones_to_second_order(atoms: Atoms) -> None:
    coarse, fine = errors(atoms, 8e-3), errors(atoms, 4e-3)
    assert coarse[0] / fine[0] == pytest.approx(4, rel=0.02)
    assert coarse[1] / fine[1] == pytest.approx(4, rel=0.02)


def test_the_default_steps_are_good_enough(atoms: Atoms) -> None:
    force, stress = errors(atoms, 1e-3)
    assert force < 2e-5
    assert stress < 2e-5


def test_the_cost_is_six_for_each_atom_twelve_for_the_stress_and_one(atoms: Atoms) -> None:
    assert EnergyOnly(LJ()).compute([atoms]).calls.tolist() == [6 * 2 + 12 + 1]
    assert EnergyOnly(LJ(), strain=None).compute([atoms]).calls.tolist() == [6 * 2 + 1]


def test_a_cluster_has_no_stress(atoms: Atoms) -> None:
    cluster = Octahedron("Cu", 2)
    cluster.rattle(0.1, seed=2)
    batch = EnergyOnly(LJ()).compute([cluster, atoms])
    assert batch.stresses is not None
    assert np.isnan(batch.stresses[0]).all()
    assert np.isfinite(batch.stresses[1]).all()
    assert batch.calls.tolist() == [6 * len(cluster) + 1, 6 * len(atoms) + 13]
    assert EnergyOnly(LJ(), strain=None).compute([atoms]).stresses is None
    assert batch.forces[0] == pytest.approx(LJ().compute([cluster]).forces[0], abs=2e-5)
