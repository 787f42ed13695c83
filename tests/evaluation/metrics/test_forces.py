"""Force errors and the fit of element shifts, on numbers whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.metrics.forces import cosine, mean_absolute_error, root_mean_square_error, shifted_residuals


def test_errors_of_a_constant_offset() -> None:
    ref = np.arange(12.0).reshape(4, 3)
    assert mean_absolute_error(ref - 0.5, ref) == 0.5
    assert root_mean_square_error(ref - 0.5, ref) == 0.5
    assert root_mean_square_error(ref + np.array([0, 0, 3.0]), ref) == pytest.approx(np.sqrt(3))


def test_cosine_is_of_directions_alone() -> None:
    forces = np.random.default_rng(0).normal(size=(5, 3))
    assert cosine(0.3 * forces, forces) == pytest.approx(1.0)
    assert cosine(-2 * forces, forces) == pytest.approx(-1.0)
    assert cosine(np.array([[1.0, 0, 0]]), np.array([[1.0, 1.0, 0]])) == pytest.approx(np.sqrt(0.5))
    assert cosine(np.zeros((2, 3)), np.ones((2, 3))) is None


def _mixtures(n: int, elements: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(elements, 0.3), size=n)


def test_shifts_of_elements_leave_nothing() -> None:
    fractions = _mixtures(40, 5)
    residuals, leverages = shifted_residuals(fractions @ np.array([1.0, -3.0, 0.2, 7.0, 0.0]), fractions)
    assert np.abs(residuals).max() < 1e-10
    assert leverages.sum() == pytest.approx(5)


def test_the_fit_does_not_flatter() -> None:
    """80 frames and 40 elements: half of the error's square is fitted away, and the leverage gives it back."""
    fractions = _mixtures(80, 40)
    noise = np.random.default_rng(1).normal(0, 0.02, size=(60, 80))
    residuals = np.array([shifted_residuals(row, fractions)[0] for row in noise])
    assert np.sqrt(np.nanmean(residuals**2)) == pytest.approx(0.02, rel=0.03)


def test_a_frame_that_alone_has_an_element_has_no_error() -> None:
    fractions = np.array([[1.0, 0, 0], [0.5, 0.5, 0], [0.2, 0.8, 0], [0.9, 0.1, 0], [0.5, 0, 0.5]])
    residuals, _ = shifted_residuals(np.array([0.1, 0.2, 0.3, 0.1, 9.0]), fractions)
    assert np.isnan(residuals).tolist() == [False, False, False, False, True]
