"""Rank: order of the entries by their values on common samples, with bootstrap intervals. Pure numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.metric import RESAMPLES, SEED, Metric, Score

Array = NDArray[np.float64]
Values = Mapping[str, float | None]
"""Sample → the figure whose average is the metric; None where it failed. What is not supported is left out."""

MIN_COVERAGE = 0.5
"""An entry with numbers for less than this share of the samples has no rank."""

_CHUNK = 100
"""Resamples that are in memory at once."""


@dataclass(frozen=True)
class Rank:
    """A place, 1 being the best, and the places that 95 % of the resamples give; None where none were drawn."""

    place: int
    low: int | None
    high: int | None

    @property
    def between(self) -> str:
        """`2–5`; empty where there is one place alone, or no interval."""
        return "" if self.low == self.high else f"{self.low}–{self.high}"

    def __str__(self) -> str:
        return f"{self.place} ({self.between})" if self.between else f"{self.place}"


def ranks(values: Mapping[str, Values], metric: Metric) -> dict[str, Rank | None]:
    """Rank of each entry by `metric`, from its values per sample; None for an entry that cannot be ranked.

    Every two entries are compared by their averages (the metric's mean or median) over the samples that both have, so
    that failing on a hard sample is no advantage and one entry's gaps change no comparison between two others. The
    place is one more than the number of entries that are better; equals share a place. The interval is a paired
    bootstrap: every resample draws the same samples for all entries.

    A failure counts as `metric.worst`, or as worse than any number in a median, where the metric says so; a sample that
    is left out never does. What rounding explains (`metric.rounding`) is equal. The result does not depend on the order
    of entries or samples.
    """
    samples = sorted({sample for found in values.values() for sample in found})
    names = sorted(name for name in values if _covered(values[name], samples, metric))
    places: dict[str, Rank | None] = dict.fromkeys(values)
    if not names:
        return places
    table = np.array([_row(values[name], samples, metric) for name in names])
    if metric.better == "higher":
        table = -table
    places_of = _places_by_mean if metric.average == "mean" else _places_by_median
    place = places_of(table, np.ones((1, len(samples))))[0]
    drawn = _drawn_places(table, places_of)
    # the quantiles are places that occurred, and the place itself always belongs to the interval
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0, method="inverted_cdf").astype(int)
    for i, name in enumerate(names):
        places[name] = Rank(int(place[i]), min(int(low[i]), int(place[i])), max(int(high[i]), int(place[i])))
    return places


def ranks_by_score(scores: Mapping[str, Score], samples: int, metric: Metric) -> dict[str, Rank | None]:
    """Rank of each entry by its score alone, for entries whose values per sample are not at hand.

    It has no interval, and two entries with different gaps are compared over different samples. None as in `ranks`;
    `samples` is how many the subset has.
    """
    sign = 1 if metric.better == "lower" else -1
    numbers = {
        name: sign * score.value
        for name, score in scores.items()
        if score.value is not None and score.n >= MIN_COVERAGE * samples
    }
    places: dict[str, Rank | None] = dict.fromkeys(scores)
    for name, number in numbers.items():
        places[name] = Rank(1 + sum(other < number for other in numbers.values()), None, None)
    return places


def _covered(values: Values, samples: Sequence[str], metric: Metric) -> bool:
    counted = values if _costs(metric) is not None else [name for name, value in values.items() if value is not None]
    return 0 < len(counted) >= MIN_COVERAGE * len(samples)


def _row(values: Values, samples: Sequence[str], metric: Metric) -> list[float]:
    failed = _costs(metric)
    values = {sample: _beyond_rounding(value, metric) for sample, value in values.items()}
    cost = np.nan if failed is None else failed
    return [
        np.nan if sample not in values else cost if (value := values[sample]) is None else value for sample in samples
    ]


def _beyond_rounding(value: float | None, metric: Metric) -> float | None:
    return metric.best if value is not None and abs(value - metric.best) <= metric.rounding else value


def _costs(metric: Metric) -> float | None:
    """What a failure counts as; None where it leaves the comparison."""
    if metric.on_failure != "worst":
        return None
    if metric.average == "median":
        return np.inf if metric.better == "lower" else -np.inf
    return metric.worst


def _drawn_places(table: Array, places_of: Callable[[Array, Array], NDArray[np.int64]]) -> NDArray[np.int64]:
    """Places (resamples, entries) over bootstrap resamples of the samples, the same draws for every entry."""
    n = table.shape[1]
    rng = np.random.default_rng(SEED)
    found = []
    for start in range(0, RESAMPLES, _CHUNK):
        drawn = rng.integers(0, n, size=(min(_CHUNK, RESAMPLES - start), n))
        times = np.array([np.bincount(row, minlength=n) for row in drawn], dtype=np.float64)
        found.append(places_of(table, times))
    return np.concatenate(found)


def _places_by_mean(table: Array, times: Array) -> NDArray[np.int64]:
    """Places (resamples, entries) of the rows of `table` (entries, samples), lower being better.

    `times` (resamples, samples) says how often each sample counts.
    """
    present = np.isfinite(table)
    if present.all():
        # then one mean an entry decides all pairs; entries that agree in every sample have one, so that they stay equal
        different, which = np.unique(table, axis=0, return_inverse=True)
        means = (times @ different.T)[:, which.reshape(-1)]
        order = np.sort(means, axis=1)
        return np.array(
            [1 + np.searchsorted(row, mine, side="left") for row, mine in zip(order, means, strict=True)],
            dtype=np.int64,
        )
    filled = np.where(present, table, 0.0)
    places = np.ones((len(times), len(table)), dtype=np.int64)
    for i in range(len(table)):
        # (entries, samples): how much worse entry i is, where both have a number; equals give an exact zero
        behind = (filled[i] - filled) * (present[i] & present)
        places[:, i] += (times @ behind.T > 0).sum(axis=1)
    return places


def _places_by_median(table: Array, times: Array) -> NDArray[np.int64]:
    """As `_places_by_mean`; a failure is an infinite number."""
    present = ~np.isnan(table)
    medians: dict[tuple[int, bytes], Array] = {}  # most pairs have the same samples in common

    def median(i: int, common: NDArray[np.bool_]) -> Array:
        key = i, common.tobytes()
        if key not in medians:
            medians[key] = _weighted_medians(table[i, common], times[:, common])
        return medians[key]

    places = np.ones((len(times), len(table)), dtype=np.int64)
    for i in range(len(table)):
        for j in range(len(table)):
            common = present[i] & present[j]
            if i != j and common.any():
                places[:, i] += median(j, common) < median(i, common)
    return places


def _weighted_medians(values: Array, times: Array) -> Array:
    """Medians (resamples,) of `values` (samples,), each repeated as `times` (resamples, samples) says; nan of none."""
    order = np.argsort(values)
    upto = 2 * times[:, order].cumsum(axis=1)
    half = upto[:, -1:] / 2
    last = len(values) - 1
    lower, upper = (np.minimum(behind.sum(axis=1), last) for behind in (upto < half, upto <= half))
    ordered = values[order]
    return np.where(half[:, 0] > 0, (ordered[lower] + ordered[upper]) / 2, np.nan)
