"""Elastic tensors: known ones come out, energies agree, and moduli are those of pymatgen and of no direction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from hypothesis import given
from hypothesis import strategies as st

from evaluation.metrics import elastic
from evaluation.physics.elastic import Response, one_by_one, respond, strained
from evaluation.physics.relax import relax
from evaluation.physics.relaxation import Relaxation
from tests.evaluation.fcc_springs import STIFFNESS, Springs
from tests.zoo.reference_model import ReferenceModel
from zoo.batch import StructureFailure

STRAINS = one_by_one((-0.01, -0.005, 0.005, 0.01), (-0.02, -0.01, 0.01, 0.02))
TIGHT = Relaxation(fmax=1e-5, steps=500, optimizer="lbfgs")
HELD = replace(TIGHT, cell="fixed")
A = 4.0
"""Lattice constant of the crystal of springs, Å."""

seeds = st.integers(0, 2**32 - 1)


def stable_tensor(seed: int) -> np.ndarray:
    root = np.random.default_rng(seed).normal(size=(6, 6))
    return root @ root.T + 0.5 * np.eye(6)


def fourth_rank(tensor: np.ndarray) -> np.ndarray:
    index = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])
    return np.asarray(tensor[index[:, :, None, None], index[None, None, :, :]])


def rotated(tensor: np.ndarray, seed: int) -> np.ndarray:
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    full = np.einsum("ia,jb,kc,ld,abcd->ijkl", q, q, q, q, fourth_rank(tensor), optimize=True)
    rows = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]
    return np.array([[full[first + second] for second in rows] for first in rows])


def measured(potential: Any, atoms: Atoms, settings: Relaxation = TIGHT) -> tuple[Response, elastic.Fit]:
    (response,) = respond(potential, [atoms], strains=STRAINS, relaxation=settings)
    assert response.error is None
    assert response.converged
    return response, elastic.fit(STRAINS, response.stresses)


@pytest.mark.parametrize("cubic", [False, True])
def test_springs_have_the_tensor_on_paper(cubic: bool) -> None:
    start = bulk("Cu", "fcc", a=A * 1.02, cubic=cubic)
    response, found = measured(Springs(A / np.sqrt(2)), start)
    assert response.unstrained.atoms is not None
    assert response.unstrained.atoms.get_volume() / len(start) == pytest.approx(A**3 / 4, rel=1e-5)
    expected = np.zeros((6, 6))
    expected[:3, :3] = STIFFNESS / A
    expected += np.diag([STIFFNESS / A] * 6)
    # what is left is cubic in the strain
    assert found.tensor == pytest.approx(expected, abs=2e-3 * STIFFNESS / A)
    assert elastic.asymmetry(found.tensor) < 1e-3


HCP = bulk("Co", "hcp", a=2.07, c=3.4)
L12 = Atoms(
    "PtCu3",
    scaled_positions=[(0, 0, 0), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)],
    cell=np.diag([3.1, 3.12, 3.14]),
    pbc=True,
)


@pytest.mark.parametrize("start", [HCP, L12], ids=["Co", "PtCu3"])
def test_a_tensor_is_the_energys_second_derivative_with_relaxed_atoms(start: Atoms) -> None:
    response, found = measured(ReferenceModel(), start)
    crystal = response.unstrained.atoms
    assert crystal is not None
    volume = crystal.get_volume()
    assert volume / len(crystal) == pytest.approx(start.get_volume() / len(start), rel=0.1)
    h = 0.004
    along = [np.eye(6)[i] + (i != j) * np.eye(6)[j] for i in range(6) for j in range(i + 1)]
    ends = [strained(crystal, sign * h * direction) for direction in along for sign in (1, -1)]
    energies = np.array([each.energies[-1] for each in relax(ReferenceModel(), ends, HELD)]).reshape(-1, 2)
    bottom = ReferenceModel().compute([crystal]).energies[0]
    curvatures = [(pair.sum() - 2 * bottom) / h**2 / volume for pair in energies]
    largest = np.abs(found.tensor).max()
    assert [way @ found.tensor @ way for way in along] == pytest.approx(curvatures, abs=0.01 * largest)
    assert elastic.asymmetry(found.tensor) < 1e-3
    assert elastic.softest(elastic.symmetrised(found.tensor)) > 0.01 * largest


def test_relaxed_atoms_make_it_softer() -> None:
    response, found = measured(ReferenceModel(), HCP)
    crystal = response.unstrained.atoms
    assert crystal is not None
    held = ReferenceModel().compute([strained(crystal, strain) for strain in STRAINS]).stresses
    assert held is not None
    clamped = elastic.fit(STRAINS, held[:, [0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]])
    assert found.tensor[0, 0] < 0.99 * clamped.tensor[0, 0]
    assert elastic.softest(elastic.symmetrised(clamped.tensor - found.tensor)) > -1e-3


def test_a_strain_is_what_it_says() -> None:
    cell = strained(bulk("Cu", "sc", a=2.0), np.array([0.01, 0.0, -0.02, 0.0, 0.0, 0.03])).cell.array
    assert cell == pytest.approx(2 * np.array([[1.01, 0.015, 0], [0.015, 1, 0], [0, 0, 0.98]]))
    assert STRAINS.shape == (24, 6)
    assert (np.count_nonzero(STRAINS, axis=1) == 1).all()
    assert STRAINS.sum(axis=0) == pytest.approx(0, abs=1e-15)
    assert STRAINS.max(axis=0).tolist() == [0.01] * 3 + [0.02] * 3


def test_crystals_share_a_stream_and_a_failure_stays_one_crystals_own() -> None:
    starts = [bulk(symbol, "fcc", a=A) for symbol in ("Cu", "Ag", "Au")]
    asked: list[int] = []

    class Counted(Springs):
        def compute(self, atoms: Any) -> Any:
            asked.append(len(atoms))
            return super().compute(atoms)

    potential = Counted(A / np.sqrt(2), broken=["Ag"])
    copper, silver, gold = respond(potential, starts, strains=STRAINS, relaxation=TIGHT)
    assert (str(silver.error), silver.strained) == ("it broke", ())
    assert max(asked) == 48
    alone, _ = measured(Springs(A / np.sqrt(2)), starts[0])
    for each in (copper, gold):
        assert each.error is None
        assert each.stresses == pytest.approx(alone.stresses, abs=1e-9)
        assert each.force_calls == 25
    assert sum(each.seconds for each in (copper, silver, gold)) == pytest.approx(len(asked))


def test_a_failure_under_strain_names_the_strain() -> None:
    class Brittle(Springs):
        def compute(self, atoms: Any) -> Any:
            batch = super().compute(atoms)
            batch.errors[:] = [
                StructureFailure("failed", "it broke") if each.get_volume() > A**3 / 4 * 1.008 else None
                for each in atoms
            ]
            return batch

    (found,) = respond(Brittle(A / np.sqrt(2)), [bulk("Cu", "fcc", a=A)], strains=STRAINS, relaxation=TIGHT)
    assert str(found.error) == "it broke (strain xx +0.010)"


@given(seeds)
def test_a_fit_gives_back_the_tensor_and_ignores_stress_and_curvature(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tensor, kept, curved = rng.normal(size=(6, 6)), rng.normal(size=6), rng.normal(size=(6, 6))
    stresses = STRAINS @ tensor.T + kept
    exact = elastic.fit(STRAINS, stresses)
    assert exact.tensor == pytest.approx(tensor, abs=1e-9)
    assert exact.residual < 1e-9
    bent = elastic.fit(STRAINS, stresses + 50 * STRAINS**2 @ curved)
    assert bent.tensor == pytest.approx(tensor, abs=1e-9)
    assert bent.residual > 1e-3


@given(seeds)
def test_moduli_are_pymatgens(seed: int) -> None:
    from pymatgen.analysis.elasticity import ElasticTensor

    tensor = stable_tensor(seed)
    theirs = ElasticTensor.from_voigt(tensor)
    ours = elastic.moduli(tensor)
    assert ours is not None
    assert ours.k == pytest.approx(theirs.k_vrh, rel=1e-6)
    assert ours.g == pytest.approx(theirs.g_vrh, rel=1e-6)
    assert ours.anisotropy == pytest.approx(theirs.universal_anisotropy, rel=1e-6)
    assert ours.k_reuss <= ours.k_voigt
    assert ours.g_reuss <= ours.g_voigt


@given(seeds)
def test_nothing_depends_on_the_axes(seed: int) -> None:
    tensor = stable_tensor(seed)
    turned = rotated(tensor, seed + 1)
    assert elastic.softest(turned) == pytest.approx(elastic.softest(tensor), rel=1e-6)
    a, b = elastic.moduli(tensor), elastic.moduli(turned)
    assert a is not None
    assert b is not None
    assert list(a) == pytest.approx(list(b), rel=1e-6)
    crooked = np.random.default_rng(seed).normal(size=(6, 6))
    assert elastic.asymmetry(rotated(crooked, seed)) == pytest.approx(elastic.asymmetry(crooked), rel=1e-9)
    assert 0 <= elastic.asymmetry(crooked) <= 2
    assert elastic.asymmetry(elastic.symmetrised(crooked)) == 0


def test_an_isotropic_solid_has_its_own_moduli() -> None:
    k, g = 100.0, 40.0
    tensor = np.diag([2 * g] * 3 + [g] * 3)
    tensor[:3, :3] += k - 2 * g / 3
    found = elastic.moduli(tensor)
    assert found is not None
    assert list(found) == pytest.approx([k, k, g, g])
    assert elastic.softest(tensor) == pytest.approx(2 * g)


def test_an_unstable_crystal_has_no_moduli() -> None:
    tensor = np.diag([100.0] * 3 + [-1.0, 30.0, 30.0])
    assert elastic.softest(tensor) == pytest.approx(-2.0)
    assert elastic.moduli(tensor) is None
    assert elastic.moduli(np.diag([100.0] * 5 + [0.0])) is None


def test_zero_stress_is_a_tensor_of_zeros() -> None:
    found = elastic.fit(STRAINS, np.zeros((24, 6)))
    assert (found.tensor == 0).all()
    assert (found.residual, elastic.asymmetry(found.tensor)) == (0.0, 0.0)
