"""Force errors and the fit of element shifts, on numbers whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.metrics.forces import cosine, mean_absolute_error, root_mean_square_error


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
