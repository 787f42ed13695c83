"""Errors of a lattice thermal conductivity, of its total and of its modes.

Definitions of B. Póta, P. Ahlawat, G. Csányi, M. Simoncelli, arXiv:2408.00755. Conductivities are in W/(m·K); a tensor
has the components xx yy zz yz xz xy in its last axis. Modes are those of the irreducible q-points: `weights` (q,) says
how many points of the mesh each stands for, and a mode's conductivity is summed over them, as phono3py gives it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Weights = NDArray[np.float64] | NDArray[np.int64]

WORST = 2.0
"""The largest value of SRE and SRME: one of two conductivities is nothing beside the other."""


def mode_kappa(particles: Array, coherences: Array, heat_capacities: Array) -> Array:
    """K_ν = K_P,ν + 2 Σ_ν' K_C,νν' C_ν/(C_ν+C_ν'): each pair's tunnelling, shared out by heat capacity.

    From (q, b, 6), (q, b, b, 6) and (q, b) to (q, b, 6). The sum over all modes is that of both inputs.
    """
    own, other = heat_capacities[:, :, None], heat_capacities[:, None, :]
    both = own + other
    # a pair without any heat capacity (two acoustic modes at Γ) carries nothing
    share = np.divide(own, both, out=np.zeros_like(both), where=both > 0)
    total: Array = particles + 2 * (share[..., None] * coherences).sum(axis=2)
    return total


def average(tensor: Array) -> Array:
    """Mean of the three diagonal components: (..., 6) to (...)."""
    mean: Array = tensor[..., :3].mean(axis=-1)
    return mean


def total(modes: Array, weights: Weights) -> float:
    """Conductivity, from the modes' (q, b)."""
    return float(modes.sum() / weights.sum())


def srd(pred: float, ref: float) -> float:
    """Symmetric relative difference 2(κ_pred-κ_ref)/(κ_pred+κ_ref): negative where the model conducts too badly."""
    return 2 * (pred - ref) / (pred + ref)


def sre(pred: float, ref: float) -> float:
    """Symmetric relative error |SRD|, in [0, 2]."""
    return abs(srd(pred, ref))


def srme(pred: Array, ref: Array, weights: Weights) -> float:
    """Symmetric relative mean error: 2 Σ|K_pred-K_ref| / Σw / (κ_pred+κ_ref), from the modes' (q, b).

    In [0, 2] where no mode is negative. Errors of two modes cannot cancel, so that it is never below SRE. The modes of
    both must be those of the same q-points; raises ValueError when their number differs.
    """
    if pred.shape != ref.shape:
        raise ValueError(f"modes of {pred.shape} and {ref.shape} (points, bands) cannot be compared")
    error = float(np.abs(pred - ref).sum() / weights.sum())
    return 2 * error / (total(pred, weights) + total(ref, weights))


def is_imaginary(frequencies: Array, *, gamma_acoustic: float, gamma_optical: float, elsewhere: float) -> bool:
    """Whether a mode lies below its threshold (THz, imaginary negative); `frequencies` (points, b), Γ first."""
    lowest = lowest_frequencies(frequencies)
    return bool(
        lowest["gamma_acoustic"] < gamma_acoustic
        or lowest["gamma_optical"] < gamma_optical
        or lowest["elsewhere"] < elsewhere
    )


def lowest_frequencies(frequencies: Array) -> dict[str, float]:
    """Lowest frequency (THz) of the three acoustic modes at Γ, of the optical ones there, and of all other points."""
    return {
        "gamma_acoustic": float(frequencies[0, :3].min()),
        "gamma_optical": float(frequencies[0, 3:].min()),
        "elsewhere": float(frequencies[1:].min()),
    }
