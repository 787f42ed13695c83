"""Smoothness of curves whose shape is known: Morse, Morse with a bump, a slope."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.metrics.smoothness import conservation_deviation, sign_flips, tortuosity, turns, well

DEPTH, WIDTH, BOND = 2.5, 1.9, 2.1  # eV, 1/Å, Å
R = np.arange(1.2, 7.0, 0.01)


def morse(r: np.ndarray) -> np.ndarray:
    return np.asarray(DEPTH * (1 - np.exp(-WIDTH * (r - BOND))) ** 2)


def force(r: np.ndarray) -> np.ndarray:
    x = np.exp(-WIDTH * (r - BOND))
    return np.asarray(-2 * DEPTH * WIDTH * x * (1 - x))


def test_a_morse_curve_is_smooth() -> None:
    assert tortuosity(morse(R)) == pytest.approx(1.0)
    found = turns(morse(R), smallest_step=1e-3)
    assert found.flips == 1
    # around the minimum the steps that count are just above the threshold
    assert 2e-3 <= found.jump < 8e-3
    assert sign_flips(force(R), smallest=1e-2) == 1
    # a force rises once to its largest pull and falls again
    assert turns(force(R), smallest_step=1e-2).flips == 1
    assert conservation_deviation(R, morse(R), force(R)) < 1e-6


def test_the_well_is_where_morse_has_it() -> None:
    found = well(R, morse(R), far=6.0)
    assert found is not None
    assert found.distance == pytest.approx(BOND, abs=1e-6)
    assert found.depth == pytest.approx(float(morse(np.array([6.0]))[0]), abs=1e-6)
    coarse = np.geomspace(1.2, 6.5, 50)
    found = well(coarse, morse(coarse), far=6.0)
    assert found is not None
    assert found.distance == pytest.approx(BOND, abs=2e-3)
    assert found.depth == pytest.approx(DEPTH, abs=5e-3)


@pytest.mark.parametrize("curve", [-R, R, 1 / R], ids=["falls", "rises", "repels"])
def test_a_curve_without_a_minimum_has_no_well(curve: np.ndarray) -> None:
    assert well(R, curve, far=6.0) is None
    assert tortuosity(curve) == pytest.approx(1.0)
    assert turns(curve, smallest_step=1e-9).flips == 0


def test_a_bump_is_a_detour() -> None:
    bump = 0.5 * np.exp(-(((R - 4.0) / 0.1) ** 2))
    e = morse(R) + bump
    # up and down once more; its foot lies on a slope of less than 0.1 eV/Å
    expected = 1 + 2 * 0.5 / (e[0] + e[-1])
    assert tortuosity(e) == pytest.approx(expected, rel=0.02)
    assert turns(e, smallest_step=1e-3).flips == 3
    assert conservation_deviation(R, e, force(R)) == pytest.approx(2 * 0.5 / (R[-1] - R[0]), rel=0.05)


def test_a_step_is_a_jump() -> None:
    e = np.where(R < 3.0, 0.0, 1.0) - 0.05 * R  # falls, jumps up by 1 eV, falls
    found = turns(e, smallest_step=1e-5)
    assert found.flips == 2
    assert found.jump == pytest.approx(2 * 1.0 + 2 * 0.0005, abs=2e-3)


def test_forces_scaled_wrongly_deviate_by_that() -> None:
    right = conservation_deviation(R, morse(R), force(R))
    assert conservation_deviation(R, morse(R), force(R) + 0.1) == pytest.approx(0.1, abs=2 * right)
    assert conservation_deviation(R, morse(R), -force(R)) > 0.5


def test_noise_below_the_threshold_is_no_flip() -> None:
    noise = np.random.default_rng(0).uniform(-1e-4, 1e-4, R.size)
    assert turns(morse(R) + noise, smallest_step=1e-3).flips == 1
    assert turns(morse(R) + noise, smallest_step=1e-6).flips > 20


@given(st.lists(st.floats(-50, 50), min_size=3, max_size=60))
def test_no_curve_is_straighter_than_straight(energies: list[float]) -> None:
    found = tortuosity(np.array(energies))
    assert found is None or found >= 1 - 1e-9
    assert 0 <= turns(np.array(energies), smallest_step=0.1).flips <= len(energies) - 2


def test_a_flat_curve_has_no_tortuosity() -> None:
    assert tortuosity(np.zeros(5)) is None
    assert sign_flips(np.zeros(5), smallest=1e-3) == 0
