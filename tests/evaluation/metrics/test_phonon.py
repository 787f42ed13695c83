"""Distances between spectra, thermal properties and verdicts, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import constants

from evaluation.metrics.phonon import Thresholds, dos, dos_w1, frequency_error, gamma, stable, thermal
from evaluation.metrics.phonon_scores import f1_score

QPOINTS = np.array([[0.0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0]])
WEIGHTS = np.array([1.0, 4.0, 3.0])
REF = np.array([[0.0, 0, 0, 5, 5, 6], [2, 2, 3, 5, 6, 7], [1, 2, 3, 4, 5, 8]])
LIMITS = Thresholds(acoustic=-0.01, optical=0.0, elsewhere=-0.05)


def test_a_shift_is_its_own_error() -> None:
    bias, mae = frequency_error(REF - 0.2, REF, WEIGHTS)
    assert (bias, mae) == pytest.approx((-0.2, 0.2))
    assert dos_w1(REF - 0.2, REF, WEIGHTS) == pytest.approx(0.2)


def test_weights_count() -> None:
    wrong = REF.copy()
    wrong[1] += 1.0
    assert frequency_error(wrong, REF, WEIGHTS)[1] == pytest.approx(0.5)


def test_a_dos_forgives_another_order() -> None:
    swapped = REF[[0, 2, 1]]
    assert frequency_error(swapped, REF, np.ones(3))[1] > 0.1
    assert dos_w1(swapped, REF, np.ones(3)) == pytest.approx(0.0, abs=1e-12)


def test_a_dos_holds_three_modes_per_atom() -> None:
    grid = np.linspace(-5, 15, 2001)
    assert np.trapezoid(dos(REF, WEIGHTS, grid, width=0.2), grid) == pytest.approx(3.0, rel=1e-6)


def test_heat_is_classical_when_hot_and_one_oscillator_when_not() -> None:
    hot = thermal(REF, QPOINTS, WEIGHTS, temperature=1e5)
    assert hot is not None
    assert hot.heat_capacity == pytest.approx(3 * constants.R * (1 - 3 / 48), rel=1e-5)  # without 3 modes of 48
    cold = thermal(REF, QPOINTS, WEIGHTS, temperature=1.0)
    assert cold is not None
    modes = np.repeat(WEIGHTS[:, None], 6, axis=1)
    zero_point = (REF * modes).sum() / modes.sum() * 3 / 2 * constants.h * 1e12 * constants.N_A / 1000
    assert cold.free_energy_kj == pytest.approx(zero_point, rel=1e-6)
    assert cold.entropy == pytest.approx(0.0, abs=1e-6)


def test_entropy_is_the_slope_of_the_free_energy() -> None:
    low, mid, high = (thermal(REF, QPOINTS, WEIGHTS, temperature=t) for t in (299.9, 300.0, 300.1))
    assert low is not None
    assert mid is not None
    assert high is not None
    assert mid.entropy == pytest.approx(-(high.free_energy_kj - low.free_energy_kj) * 1000 / 0.2, rel=1e-6)
    assert mid.heat_capacity == pytest.approx(300 * (high.entropy - low.entropy) / 0.2, rel=1e-6)


def test_an_imaginary_mode_has_no_thermal_properties() -> None:
    soft = REF.copy()
    soft[2, 0] = -0.01
    assert thermal(soft, QPOINTS, WEIGHTS, temperature=300.0) is None


@pytest.mark.parametrize(
    ("row", "mode", "frequency", "verdict"),
    [
        (0, 0, -0.009, True),
        (0, 0, -0.02, False),
        (0, 3, -0.001, False),
        (1, 0, -0.049, True),
        (1, 0, -0.051, False),
        (2, 5, -3.0, False),
    ],
)
def test_the_verdict(row: int, mode: int, frequency: float, verdict: bool) -> None:
    changed = REF.copy()
    changed[row, mode] = frequency
    changed.sort(axis=1)
    # at Γ an imaginary optical mode sorts below the acoustic ones and is judged by their limit
    if (row, mode) == (0, 3):
        changed = REF.copy()
        changed[0, 3] = frequency
    assert stable(changed, QPOINTS, LIMITS) is verdict


def test_a_mesh_needs_gamma() -> None:
    with pytest.raises(ValueError, match="0 Γ points"):
        gamma(QPOINTS[1:])


def test_f1() -> None:
    ref = np.array([True, True, True, False])
    assert f1_score(ref, ref, n_missing=0).value == 1.0
    score = f1_score(np.array([True, False, False, True]), ref, n_missing=1)
    assert score.value == pytest.approx(2 / 5)
    assert score.low is not None
    assert score.high is not None
    assert 0 <= score.low <= 2 / 5 <= score.high <= 1
    assert f1_score(np.zeros(4, bool), np.zeros(4, bool), n_missing=4).value is None
