"""Errors of one structure's forces and stress, and of many structures' energies after a fit of element shifts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DETERMINED = 0.99
"""A structure with a larger leverage on the fit of shifts fixes a shift by itself, and its residual says nothing."""


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


def shifted_residuals(errors: Array, fractions: Array) -> tuple[Array, Array]:
    """What is left of energy errors per atom when every element may have a constant of its own.

    `errors` (n,) in eV/atom, `fractions` (n, elements): atomic fractions. The constants are least squares over all n
    structures (of minimal norm, where elements only occur together). A residual r_i of a fit with p constants is
    smaller than the error by sqrt(1 - h_i) on average, h_i being the structure's leverage; it is divided by that
    (J. G. MacKinnon and H. White, J. Econometrics 29, 305 (1985), "HC2"), or few structures of many elements would
    look better than many. Returns residuals (n,), NaN where h_i > 0.99, and the leverages (n,).
    """
    x, y = np.asarray(fractions, dtype=float), np.asarray(errors, dtype=float)
    left, sizes, _ = np.linalg.svd(x, full_matrices=False)
    kept = left[:, sizes > 1e-10 * sizes.max(initial=0.0)]
    leverage = (kept**2).sum(axis=1)
    free = leverage <= DETERMINED
    residual = y - kept @ (kept.T @ y)
    return np.where(free, residual / np.sqrt(np.where(free, 1 - leverage, 1.0)), np.nan), leverage
