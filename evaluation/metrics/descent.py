"""Descent: what the way of a relaxation says, and how far two ends lie apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def floor(forces: Sequence[float]) -> float:
    """The smallest of the largest forces, in their unit."""
    return float(min(forces))


def uphill(energies: Sequence[float]) -> float:
    """Sum of the energy's rises from step to step, in its unit."""
    return float(np.maximum(np.diff(energies), 0).sum())


def is_limit_cycle(forces: Sequence[float], *, steps: int) -> bool:
    """Whether the last `steps` steps brought the forces no lower than they had been before.

    Of a descent that neither converged nor broke off.
    """
    return len(forces) > steps and min(forces[-steps:]) >= min(forces[:-steps])


def spread(values: Sequence[float]) -> float | None:
    """Largest less smallest; None for fewer than two."""
    return float(max(values) - min(values)) if len(values) > 1 else None


def rms_difference(found: ArrayLike, expected: ArrayLike) -> float:
    """Root mean square over all components."""
    return float(np.sqrt(((np.asarray(found, dtype=float) - np.asarray(expected, dtype=float)) ** 2).mean()))
