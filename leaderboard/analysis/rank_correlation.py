"""Rank correlation: Spearman's ρ and Kendall's τ_b of two figures over entries, with bootstrap intervals. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from evaluation.metric import RESAMPLES, SEED

Array = NDArray[np.float64]

FEWEST_ENTRIES = 6
"""Of five, only a perfect order is significant: by chance one in 60 is perfect, ascending or descending."""
FEWEST_CHECKPOINTS = 4
"""Modes of one checkpoint are not independent samples."""


@dataclass(frozen=True)
class Coefficient:
    """A rank correlation with its 95 % bootstrap interval, in [-1, 1]; no interval where resamples had no order."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Correlation:
    """Of two figures over entries. `spearman` and `kendall` are None where there is too little to say, see `reason`."""

    spearman: Coefficient | None
    kendall: Coefficient | None
    n: int
    """Entries that have both figures."""
    checkpoints: int
    """How many checkpoints they are modes of."""
    reason: str | None
    """Why there is no coefficient."""


def correlate(x: Sequence[float], y: Sequence[float], checkpoints: Sequence[Hashable]) -> Correlation:
    """Spearman's ρ and Kendall's τ_b of `x` and `y`, one value per entry; `checkpoints` says whose mode each is.

    The interval is that of a percentile bootstrap over entries in which those of one checkpoint are drawn together:
    they share their weights, and drawn alone would make the interval too narrow. A resample in which one of the two
    figures is the same throughout has no order, and is left out. Raises ValueError for sequences of different lengths.
    """
    if found := too_little(x, y, checkpoints):
        return found
    owners = list(dict.fromkeys(checkpoints))
    belongs = np.array([[owner == each for each in checkpoints] for owner in owners], dtype=float)
    # all entries once come first; scipy.stats says the same of them, but importing it takes a second and a half
    times = np.vstack([np.ones(len(x)), _drawn(len(owners)) @ belongs])
    a, b = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    return Correlation(
        spearman=_coefficient(spearman(a, b, times)),
        kendall=_coefficient(kendall(a, b, times)),
        n=len(x),
        checkpoints=len(owners),
        reason=None,
    )


def too_little(x: Sequence[float], y: Sequence[float], checkpoints: Sequence[Hashable]) -> Correlation | None:
    """Why `correlate` gives no coefficient; None where it gives one."""
    if not len(x) == len(y) == len(checkpoints):
        raise ValueError(f"{len(x)}, {len(y)} and {len(checkpoints)} values are not one of each per entry")
    n, owners = len(x), set(checkpoints)
    reason = None
    if n < FEWEST_ENTRIES:
        reason = f"{n} {'entry has' if n == 1 else 'entries have'} both figures; a correlation takes {FEWEST_ENTRIES}"
    elif len(owners) < FEWEST_CHECKPOINTS:
        reason = f"{n} entries are of {len(owners)} checkpoints; a correlation takes {FEWEST_CHECKPOINTS}"
    elif len(set(x)) == 1 or len(set(y)) == 1:
        reason = "one of the figures is the same for all entries"
    return Correlation(None, None, n, len(owners), reason) if reason else None


def spearman(x: Array, y: Array, times: Array) -> Array:
    """ρ (resamples,) of `x` and `y` (n,) where `times` (resamples, n) says how often each pair counts; NaN: no order.

    As scipy.stats.spearmanr finds it with the pairs written out: Pearson's coefficient of the mean ranks.
    """
    a, b = _ranks(x, times), _ranks(y, times)
    total = times.sum(axis=1, keepdims=True)
    a -= (times * a).sum(axis=1, keepdims=True) / total
    b -= (times * b).sum(axis=1, keepdims=True) / total
    return _over((times * a * b).sum(axis=1), (times * a**2).sum(axis=1), (times * b**2).sum(axis=1))


def kendall(x: Array, y: Array, times: Array) -> Array:
    """τ_b likewise, as scipy.stats.kendalltau: concordant less discordant pairs, over those that are not tied."""
    a, b = (np.sign(values[:, None] - values[None, :]) for values in (x, y))
    pairs = [np.einsum("ri,ij,rj->r", times, signs, times) for signs in (a * b, a * a, b * b)]
    return _over(*pairs)


def _ranks(values: Array, times: Array) -> Array:
    """Mean ranks (resamples, n) of values that count several times, ties sharing theirs."""
    below = times @ (values[:, None] < values[None, :]).astype(float)
    equal = times @ (values[:, None] == values[None, :]).astype(float)
    ranks: Array = below + (equal + 1) / 2
    return ranks


def _over(together: Array, first: Array, second: Array) -> Array:
    ordered = (first > 1e-12) & (second > 1e-12)
    found = np.full(together.shape, np.nan)
    found[ordered] = together[ordered] / np.sqrt(first[ordered] * second[ordered])
    return np.asarray(np.clip(found, -1.0, 1.0))  # a perfect order is 1 up to rounding


@lru_cache
def _drawn(n: int) -> Array:
    """How often each of `n` counts in each resample (resamples, n)."""
    drawn = np.random.default_rng(SEED).integers(0, n, size=(RESAMPLES, n))
    return np.array([np.bincount(row, minlength=n) for row in drawn], dtype=float)


def _coefficient(found: Array) -> Coefficient:
    """Of all entries, which come first, and of the resamples."""
    value = float(found[0])
    ordered = found[1:][np.isfinite(found[1:])]
    if ordered.size < 2:
        return Coefficient(value, None, None)
    low, high = np.percentile(ordered, [2.5, 97.5])
    return Coefficient(value, float(min(low, value)), float(max(high, value)))
