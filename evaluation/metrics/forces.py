"""Errors of one structure's forces and stress."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def mean_absolute_error(pred: Array, ref: Array) -> float:
    """Mean of |pred - ref| over all components, in their unit."""
    return float(np.abs(np.asarray(pred) - np.asarray(ref)).mean())


def root_mean_square_error(pred: Array, ref: Array) -> float:
    """Root of the mean of (pred - ref)² over all components, in their unit."""
    return float(np.sqrt(np.mean((np.asarray(pred) - np.asarray(ref)) ** 2)))


def cosine(pred: Array, ref: Array) -> float | None:
    """Cosine of the angle between two structures' forces (n, 3), as vectors of 3n components; None when one is zero."""
    a, b = np.asarray(pred).ravel(), np.asarray(ref).ravel()
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.clip(a @ b / length, -1, 1)) if length > 0 else None
