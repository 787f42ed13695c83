"""Simulation: many chunks on many devices, with starts, transfers, failures and stragglers; a queue and no model."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


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


def simulate(chunks: Sequence[float], cluster: Cluster, *, rng: np.random.Generator) -> Outcome:
    """Chunks (seconds on one device), each taken in order by the device that is free first."""
    free = [cluster.start_seconds] * cluster.devices
    busy, lost, failures = cluster.start_seconds * cluster.devices, 0.0, 0
    slow = rng.random(len(chunks)) < cluster.straggler_share
    for chunk, straggles in zip(chunks, slow, strict=True):
        took = chunk * (cluster.straggler_factor if straggles else 1.0) + cluster.transfer_seconds
        wasted, again = _failed(took, cluster, rng)
        heapq.heappush(free, heapq.heappop(free) + wasted + took)
        busy += wasted + took
        lost += wasted
        failures += again
    return Outcome(max(free), busy, lost, failures, cluster.devices)


def _failed(took: float, cluster: Cluster, rng: np.random.Generator) -> tuple[float, int]:
    """Seconds wasted before a chunk of this length is through, and how many failures that were."""
    if not cluster.failures_per_hour:
        return 0.0, 0
    wasted, failures = 0.0, 0
    while (until := float(rng.exponential(3600 / cluster.failures_per_hour))) < took:
        wasted += until + cluster.start_seconds
        failures += 1
    return wasted, failures
