"""Figures of the orientation task that are arithmetic alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evaluation.metrics import orientation
from evaluation.metrics.orientation import Ran

QPOINTS = np.array([[0.0, 0, 0], [0.5, 0, 0]])
FREQUENCIES = np.array([[0.0, 0, 0, 5, 5, 6], [1.0, 2, 3, 4, 5, 6]])
RAN = Ran(
    energy=-1.0,
    volume=10.0,
    frequencies=FREQUENCIES,
    imaginary=False,
    group=225,
    strict_group=225,
    distorted_group=225,
    distorted_energy=-1.0,
)


def test_a_spread_is_the_distance_from_the_mean() -> None:
    assert orientation.spread(np.array([1.0, 3.0])) == pytest.approx(1.0)
    assert orientation.spread(np.array([[1.0, 5.0], [3.0, 5.0]])) == pytest.approx(np.sqrt(1 / 2))
    assert orientation.spread(np.array([7.0, 7.0, 7.0])) == 0.0


def test_one_run_or_no_figure_has_no_spread() -> None:
    assert orientation.spread(np.array([1.0])) is None
    assert orientation.spread(np.zeros((3, 0))) is None
    assert orientation.energy_spread([RAN]) is None


def test_frequencies_are_spread_without_the_acoustic_ones_at_gamma() -> None:
    shifted = replace(RAN, frequencies=FREQUENCIES + 0.2)
    assert orientation.frequency_spread([RAN, shifted], QPOINTS) == pytest.approx(0.1)
    assert orientation.gamma_spread([RAN, shifted], QPOINTS) == pytest.approx(0.1)
    assert orientation.omega_max_spread([RAN, shifted]) == pytest.approx(0.1)
    acoustic = FREQUENCIES.copy()
    acoustic[0, :3] = 0.3
    assert orientation.frequency_spread([RAN, replace(RAN, frequencies=acoustic)], QPOINTS) == 0.0


def test_imaginary_optical_modes_are_below_the_acoustic_ones() -> None:
    assert orientation.optical(np.array([-4.0, -3.0, -1e-6, 0.0, 1e-6, 6.0])).tolist() == [-4.0, -3.0, 6.0]
    assert orientation.optical(np.array([0.0, 0.0, 0.0])).size == 0


def test_units_of_energies_and_volumes() -> None:
    other = replace(RAN, energy=-1.002, volume=10.2)
    assert orientation.energy_spread([RAN, other]) == pytest.approx(1.0)
    assert orientation.volume_spread([RAN, other]) == pytest.approx(0.1 / 10.1 * 100)


FALLEN = replace(RAN, imaginary=True, distorted_group=160, distorted_energy=-1.01)


@pytest.mark.parametrize(
    ("change", "right"),
    [
        ({}, True),
        ({"imaginary": False}, False),
        ({"distorted_group": 225}, False),
        ({"distorted_energy": -1.00005}, False),
        ({"distorted_energy": -0.9}, False),
        ({"distorted_energy": None, "distorted_group": None}, False),
    ],
)
def test_what_breaking_takes(change: dict[str, object], right: bool) -> None:
    assert orientation.breaks(replace(FALLEN, **change), 225, downhill=1e-4) is right  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "right"),
    [
        ({}, True),
        ({"imaginary": True}, False),
        ({"group": 1}, False),
        ({"group": None}, False),
        ({"distorted_group": 12}, False),
        ({"strict_group": 2}, True),  # rounding is no fall
    ],
)
def test_what_holding_takes(change: dict[str, object], right: bool) -> None:
    assert orientation.holds(replace(RAN, **change), 225) is right  # type: ignore[arg-type]


def test_nothing_has_no_share() -> None:
    assert orientation.share([]) is None
    assert orientation.share([True, False]) == 0.5
