"""Metric and Score: label, unit, direction and the cost of a failure are defined once, here and in the tasks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import Literal

import numpy as np
from pydantic import Field

from zoo.strict import Strict

RESAMPLES = 2000
"""Bootstrap resamples behind every interval."""
SEED = 20_261_101
"""The same resamples for every model, so that intervals of two models can be compared."""


_MANY = 100_000
"""Numbers whose mean has its interval without resampling: a million took half a minute."""
_LIMITS = (NormalDist().inv_cdf(0.025), NormalDist().inv_cdf(0.975))
_LARGEST_DRAW = 200_000
"""Numbers that are drawn at once: 3 MB with their places, which stay near the core."""


class Metric(Strict):
    """What a number on the board means.

    A failure costs the same in the errors against a reference of every task. A median counts it as worse than any
    number. A mean counts it as `worst`, where the metric has such a value; an error without bound has none, so that
    what failed leaves its mean, and `n_missing` stands beside it. That is why headlines of such errors are medians.
    """

    name: str
    label: str
    unit: str
    """`` for a pure number or a fraction."""
    better: Literal["lower", "higher"]
    best: float
    """The value of a perfect model."""
    rounding: float = 0.0
    """Values of a sample that are this close to `best` are equal in a rank: what arithmetic alone makes of a zero."""
    worst: float | None = None
    """The worst possible value, None where there is none."""
    average: Literal["mean", "median"] = "mean"
    """Over samples. A median says what is usual, whatever the largest errors are."""
    on_failure: Literal["excluded", "worst"] = "excluded"
    """What a failed sample costs: it leaves the average (and n shows it), or counts as `worst`; of a median as worse
    than any number."""
    descriptive: bool = False
    """Whether no value is best: it says what a model is like, and not how good."""
    doc: str

    @property
    def of_sample(self) -> str:
        """What the figure of one sample is called: the label without its average."""
        return self.label.removesuffix(f", {self.average}")


def error_metric(
    name: str, label: str, unit: str, doc: str, *, average: Literal["mean", "median"] = "mean", rounding: float = 0.0
) -> Metric:
    """The lower the better, at best zero; a failed sample leaves the average."""
    return Metric(
        name=name, label=label, unit=unit, better="lower", best=0.0, rounding=rounding, average=average, doc=doc
    )


def median_and_mean(
    name: str, label: str, unit: str, doc: str, *, over: str, worst: float | None = None, rounding: float = 0.0
) -> tuple[Metric, Metric]:
    """Median and mean of one error over samples (`over`: *crystals*), as `name` and `<name>_mean`.

    `doc` is a sentence without its full stop. What failed counts as `worst` in the mean, and leaves it without one.
    """
    median = Metric(
        name=name,
        label=f"{label}, median",
        unit=unit,
        better="lower",
        best=0.0,
        rounding=rounding,
        average="median",
        on_failure="worst",
        doc=f"{doc}, median over {over}.",
    )
    mean = Metric(
        name=f"{name}_mean",
        label=f"{label}, mean",
        unit=unit,
        better="lower",
        best=0.0,
        rounding=rounding,
        worst=worst,
        on_failure="excluded" if worst is None else "worst",
        doc=f"{doc}, mean over {over}: a few can decide it.",
    )
    return median, mean


def share_metric(name: str, label: str, doc: str, *, on_failure: Literal["excluded", "worst"] = "worst") -> Metric:
    """A share between 0 and 1, the higher the better; a failed sample counts as zero unless it is excluded."""
    return Metric(name=name, label=label, unit="", better="higher", best=1.0, worst=0.0, on_failure=on_failure, doc=doc)


class Score(Strict):
    """A metric's value over a set of samples. None is the only way to say that there is no number."""

    value: float | None
    n: int = Field(ge=0)
    """Samples behind the value."""
    n_missing: int = Field(ge=0)
    """Samples that should have been there and have no number."""
    n_unsupported: int = Field(default=0, ge=0)
    """Samples that the model does not claim to know (an element, a stress); no part of `n` and `n_missing`."""
    low: float | None = None
    """95 % bootstrap interval over samples; None when fewer than two samples."""
    high: float | None = None


ROUNDING = 1e-6
"""Largest relative difference between two computations of one score: other platforms and libraries round otherwise."""


def alike(a: Score | None, b: Score | None) -> bool:
    """Whether two scores are one but for rounding: as many samples, the same value and interval."""
    if a is None or b is None:
        return a is b
    if (a.n, a.n_missing, a.n_unsupported) != (b.n, b.n_missing, b.n_unsupported):
        return False
    pairs = ((a.value, b.value), (a.low, b.low), (a.high, b.high))
    return all(
        x is y if x is None or y is None else math.isclose(x, y, rel_tol=ROUNDING, abs_tol=ROUNDING) for x, y in pairs
    )


def average_score(values: Sequence[float | None], metric: Metric) -> Score:
    """The metric's average over samples, mean or median, with its interval; what a missing value costs is its say."""
    return mean_score(values, metric) if metric.average == "mean" else median_score(values, metric)


def median_score(values: Sequence[float | None], metric: Metric) -> Score:
    """Median over samples with a percentile bootstrap interval.

    Where failures cost, one is worse than any number; when the median falls on one, there is no value (nor a limit of
    the interval, when that does).
    """
    n_missing = sum(value is None for value in values)
    failure = math.inf if metric.better == "lower" else -math.inf
    costs = metric.on_failure == "worst"
    numbers = np.array([failure if value is None else value for value in values if costs or value is not None])
    if numbers.size == 0:
        return Score(value=None, n=0, n_missing=n_missing)
    low = high = None
    if numbers.size > 1:
        drawn = np.concatenate([np.median(part, axis=1) for part in _resampled(numbers)])
        low, high = (_finite(limit) for limit in np.quantile(drawn, [0.025, 0.975], method="inverted_cdf"))
    return Score(value=_finite(np.median(numbers)), n=int(numbers.size), n_missing=n_missing, low=low, high=high)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def mean_score(values: Sequence[float | None], metric: Metric) -> Score:
    """Mean over samples with a percentile bootstrap interval; what a missing value costs is the metric's say."""
    n_missing = sum(value is None for value in values)
    if metric.on_failure == "worst" and metric.worst is not None:
        numbers = np.array([metric.worst if value is None else value for value in values], dtype=float)
    else:
        numbers = np.array([value for value in values if value is not None], dtype=float)
    if numbers.size == 0:
        return Score(value=None, n=0, n_missing=n_missing)
    low, high = bootstrap_interval(numbers)
    return Score(value=float(numbers.mean()), n=int(numbers.size), n_missing=n_missing, low=low, high=high)


def bootstrap_interval(numbers: np.ndarray) -> tuple[float | None, float | None]:
    """95 % percentile bootstrap interval of the mean of `numbers` (n,); (None, None) for fewer than two.

    From 100,000 numbers on it is what more and more resamples tend to, worked out.
    """
    if numbers.size < 2:
        return None, None
    if numbers.size >= _MANY:
        return _by_moments(numbers)
    means = np.concatenate([part.mean(axis=1) for part in _resampled(numbers)])
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _by_moments(numbers: np.ndarray) -> tuple[float, float]:
    """What the percentiles of ever more resamples' means tend to, by mean, spread and skewness (Cornish-Fisher).

    It is off by the order of the spread / n^1.5. Those of RESAMPLES means miss by a sixteenth of the mean's error.
    """
    mean, spread = float(numbers.mean()), float(numbers.std())
    if spread == 0.0:
        return mean, mean
    error = spread / math.sqrt(numbers.size)
    skewness = float((((numbers - mean) / spread) ** 3).mean()) / math.sqrt(numbers.size)
    low, high = (mean + error * (z + skewness * (z * z - 1) / 6) for z in _LIMITS)
    return low, high


def _resampled(numbers: np.ndarray) -> Iterator[np.ndarray]:
    """The resamples (RESAMPLES, n), some rows at a time: near 100,000 numbers they would take 1.6 GB at once, twice.

    The same rows as drawn at once: the generator's stream does not know where a call ends.
    """
    rng = np.random.default_rng(SEED)
    rows = max(1, _LARGEST_DRAW // numbers.size)
    for start in range(0, RESAMPLES, rows):
        yield numbers.take(rng.integers(0, numbers.size, size=(min(rows, RESAMPLES - start), numbers.size)))
