"""Errors of conductivities: identities, bounds, and the reference's own figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evaluation.errors import DatasetUnavailable
from evaluation.metrics import kappa as errors
from evaluation.reference import phonondb

WEIGHTS = np.array([1, 8, 6])
MODES = arrays(float, (3, 4), elements=st.floats(1e-6, 1e4))


@given(MODES)
def test_equal_modes_have_no_error(modes: np.ndarray) -> None:
    assert errors.srme(modes, modes.copy(), WEIGHTS) == 0.0


@given(MODES, MODES)
def test_srme_is_bounded_symmetric_and_never_below_sre(pred: np.ndarray, ref: np.ndarray) -> None:
    srme = errors.srme(pred, ref, WEIGHTS)
    sre = errors.sre(errors.total(pred, WEIGHTS), errors.total(ref, WEIGHTS))
    assert 0 <= sre <= srme * (1 + 1e-12) + 1e-12
    assert srme <= 2 + 1e-12
    assert srme == pytest.approx(errors.srme(ref, pred, WEIGHTS), rel=1e-12)
    assert srme == pytest.approx(errors.srme(3 * pred, 3 * ref, WEIGHTS), rel=1e-9)  # no unit


def test_errors_of_modes_cannot_cancel() -> None:
    ref = np.array([[1.0, 3.0]])
    assert errors.srme(ref[:, ::-1], ref, np.array([1])) == pytest.approx(1.0)
    assert errors.sre(4.0, 4.0) == 0.0
    with pytest.raises(ValueError, match="cannot be compared"):
        errors.srme(ref, np.ones((2, 2)), np.array([1]))


def test_srd_has_the_sign_of_the_error() -> None:
    assert errors.srd(1.0, 3.0) == -1.0
    assert errors.srd(3.0, 1.0) == 1.0
    assert errors.srd(0.0, 5.0) == -2.0


def test_tunnelling_is_shared_by_heat_capacity_and_nothing_is_lost() -> None:
    rng = np.random.default_rng(1)
    particles = rng.random((5, 3, 6))
    pairs = rng.random((5, 3, 3, 6))
    pairs += pairs.transpose(0, 2, 1, 3)
    heat = rng.random((5, 3))
    heat[0, :2] = 0.0  # acoustic modes at Γ
    pairs[0, :2, :2] = 0.0
    modes = errors.mode_kappa(particles, pairs, heat)
    assert modes.sum(axis=(0, 1)) == pytest.approx(particles.sum(axis=(0, 1)) + pairs.sum(axis=(0, 1, 2)))
    one = particles[1, 0, 2] + 2 * sum(pairs[1, 0, j, 2] * heat[1, 0] / (heat[1, 0] + heat[1, j]) for j in range(3))
    assert modes[1, 0, 2] == pytest.approx(one)


@pytest.mark.parametrize(
    ("frequencies", "imaginary"),
    [
        ([[-0.005, 0, 0, 3], [1, 2, 3, 4]], False),
        ([[-0.02, 0, 0, 3], [1, 2, 3, 4]], True),
        ([[0, 0, 0, -0.001], [1, 2, 3, 4]], True),
        ([[0, 0, 0, 3], [-0.001, 2, 3, 4]], True),
    ],
)
def test_imaginary_modes_have_a_threshold_of_their_own_at_gamma(
    frequencies: list[list[float]], imaginary: bool
) -> None:
    limits = {"gamma_acoustic": -0.01, "gamma_optical": 0.0, "elsewhere": 0.0}
    assert errors.is_imaginary(np.array(frequencies), **limits) is imaginary


@pytest.mark.data
@pytest.mark.usefixtures("persons_mirror")
def test_the_references_modes_add_up_to_its_conductivity() -> None:
    try:
        references = phonondb.references()
    except DatasetUnavailable as reason:
        pytest.skip(str(reason).splitlines()[0])
    assert len(references) == 103
    for reference in references.values():
        weights = reference.spectrum.weights
        assert errors.total(reference.mode_kappa, weights) == pytest.approx(reference.kappa, rel=1e-6)
        assert errors.srme(reference.mode_kappa, reference.mode_kappa, weights) == 0.0
        assert not errors.is_imaginary(
            reference.spectrum.frequencies, gamma_acoustic=-0.01, gamma_optical=0.0, elsewhere=0.0
        )


@pytest.mark.data
@pytest.mark.usefixtures("persons_mirror")
def test_the_solids_have_the_cells_that_the_protocol_needs() -> None:
    try:
        solids = phonondb.solids()
    except DatasetUnavailable as reason:
        pytest.skip(str(reason).splitlines()[0])
    counts = {
        name: sum(s.structure == name for s in solids.values()) for name in ("rocksalt", "zincblende", "wurtzite")
    }
    assert counts == {"rocksalt": 37, "zincblende": 33, "wurtzite": 33}
    lithium_fluoride = solids["LiF-rocksalt"]
    assert lithium_fluoride.mp_id == "mp-1138"
    assert len(lithium_fluoride.atoms) * np.linalg.det(lithium_fluoride.fc2_supercell) == pytest.approx(512)
    assert len(lithium_fluoride.atoms) * np.linalg.det(lithium_fluoride.fc3_supercell) == pytest.approx(64)
    assert np.linalg.det(lithium_fluoride.primitive_matrix) == pytest.approx(0.25)
    assert lithium_fluoride.mesh.tolist() == [19, 19, 19]
    assert np.array_equal(solids["SiC-wurtzite"].primitive_matrix, np.eye(3))
