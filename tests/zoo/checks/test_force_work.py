"""The work of forces against the energy, on potentials whose jump or factor is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from ase import Atoms

from zoo.batch import Array, Batch
from zoo.checks.force_work import force_work

ATOMS = Atoms("H2", positions=[[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
NOISE = np.array([1e-12])
"""eV."""


def springs(*, jump: float = 0.0, factor: float = 1.0) -> Callable[[Sequence[Atoms]], Batch]:
    """E = ½ k (d - 0.8 Å)² with k = 10 eV/Å², and `jump` (eV) where d < 1 Å; forces are `factor` of the gradient."""

    def answer(structures: Sequence[Atoms]) -> Batch:
        energies, forces = [], []
        for atoms in structures:
            vector = atoms.positions[1] - atoms.positions[0]
            distance = float(np.linalg.norm(vector))
            pull: Array = factor * 10.0 * (distance - 0.8) * vector / distance
            energies.append(5.0 * (distance - 0.8) ** 2 + (jump if distance < 1.0 else 0.0))
            forces.append(np.array([pull, -pull]))
        n = len(structures)
        return Batch(np.array(energies), forces, None, [None] * n, 0.0)

    return answer


def test_a_gradient_does_the_work_that_the_energy_loses() -> None:
    answer = springs()
    work = force_work([ATOMS], answer([ATOMS]), answer, noise=NOISE, find_jumps=True)
    assert work.claimed == pytest.approx(work.real, rel=1e-9)
    assert not work.jumps.any()


def test_a_jump_is_found_at_its_size_and_taken_out() -> None:
    answer = springs(jump=0.01)
    work = force_work([ATOMS], answer([ATOMS]), answer, noise=NOISE, find_jumps=True)
    assert abs(work.jumps[0, 0]) == pytest.approx(0.01, rel=1e-3)
    assert work.smooth[0, 0] == pytest.approx(work.claimed[0, 0], rel=1e-3)
    assert work.real[0, 0] != pytest.approx(work.claimed[0, 0], rel=1e-2)


@pytest.mark.parametrize("find_jumps", [True, False])
def test_a_factor_is_no_jump(find_jumps: bool) -> None:
    answer = springs(factor=1.02)
    work = force_work([ATOMS], answer([ATOMS]), answer, noise=NOISE, find_jumps=find_jumps)
    assert work.claimed == pytest.approx(1.02 * work.real, rel=1e-9)
    assert not work.jumps.any()


def test_jumps_are_looked_for_only_where_that_is_asked() -> None:
    answer = springs(jump=0.01)
    assert not force_work([ATOMS], answer([ATOMS]), answer, noise=NOISE, find_jumps=False).jumps.any()
