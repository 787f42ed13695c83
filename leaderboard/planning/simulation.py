"""Simulation: many chunks on many devices, with starts, transfers, failures and stragglers; a queue and no model."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Cluster:
    """Devices, and what goes wrong on them."""

    devices: int
    start_seconds: float = 0.0
    """Of a worker, before its first chunk and after each failure."""
    transfer_seconds: float = 0.0
    """Per chunk: its records on their way to where they are stored; the device waits."""
    failures_per_hour: float = 0.0
    """Of one device while it is held. The chunk that it was at is lost and runs again, on the same device."""
    straggler_share: float = 0.0
    """Share of chunks that take `straggler_factor` times as long."""
    straggler_factor: float = 1.0


@dataclass(frozen=True)
class Outcome:
    """What the run took."""

    makespan: float
    """Seconds until the last chunk is stored."""
    busy: float
    """Device seconds in which something was done, lost work included."""
    lost: float
    """Of these, those of chunks that failed."""
    failures: int
    devices: int

    @property
    def held(self) -> float:
        """Device seconds that are paid for: every device until the last chunk is stored."""
        return self.makespan * self.devices

    @property
    def utilisation(self) -> float:
        return (self.busy - self.lost) / self.held if self.held else 0.0


def simulate(chunks: Sequence[float] | Array, cluster: Cluster, *, rng: np.random.Generator) -> Outcome:
    """Chunks (seconds on one device), each taken in order by the device that is free first."""
    lengths = np.asarray(chunks, dtype=float)
    slow = rng.random(len(lengths)) < cluster.straggler_share
    took = lengths * np.where(slow, cluster.straggler_factor, 1.0) + cluster.transfer_seconds
    wasted, failures = _failed(took, cluster, rng)
    free = [cluster.start_seconds] * cluster.devices
    for seconds in (took + wasted).tolist():  # one heap operation a chunk: there are millions of them
        heapq.heapreplace(free, free[0] + seconds)
    lost = float(wasted.sum())
    busy = cluster.start_seconds * cluster.devices + float(took.sum()) + lost
    return Outcome(max(free), busy, lost, failures, cluster.devices)


def _failed(took: Array, cluster: Cluster, rng: np.random.Generator) -> tuple[Array, int]:
    """Seconds wasted before each chunk is through, and how many failures there were in all."""
    wasted, failures = np.zeros_like(took), 0
    if not cluster.failures_per_hour:
        return wasted, failures
    trying = np.arange(len(took))
    while len(trying):  # each round, those that failed in the round before
        until = rng.exponential(3600 / cluster.failures_per_hour, size=len(trying))
        fails = until < took[trying]
        trying = trying[fails]
        wasted[trying] += until[fails] + cluster.start_seconds
        failures += len(trying)
    return wasted, failures
