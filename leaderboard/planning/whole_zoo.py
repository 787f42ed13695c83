"""Whole zoo: what every card on every task would take on many accelerators, from what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from evaluation import task as tasks
from leaderboard.planning.measured import Measured, weights
from leaderboard.planning.simulation import Cluster, Outcome, simulate
from leaderboard.ranking import scored

DISCOVERY, LIKE_DISCOVERY = "discovery", "formation"
"""The largest task was run by nobody yet; another relaxes crystals of the same set."""
DISCOVERY_SAMPLES = 256_967
"""Of its full subset; no result has brought their names yet, which are counted for the other tasks."""


@dataclass(frozen=True)
class TaskCost:
    """Of one model on all samples of a task."""

    task: str
    samples: int
    atoms: float
    """Atoms evaluated, summed over steps."""
    around: float
    """Seconds in which the device is held and the model does nothing."""
    samples_per_chunk: int

    def chunks(self, rate: float) -> list[float]:
        """Seconds of each chunk at `rate` seconds per atom and step."""
        whole, rest = divmod(self.samples, self.samples_per_chunk)
        sizes = [self.samples_per_chunk] * whole + ([rest] if rest else [])
        each = (self.atoms * rate + self.around) / self.samples
        return [size * each for size in sizes]


def full_size(task: str) -> int | None:
    """Samples of a task's full subset; None where nothing that ships names them."""
    names = scored.sample_names(tasks.load(task), "full")
    if names is None:
        return DISCOVERY_SAMPLES if task == DISCOVERY else None
    return len(names)


def task_costs(runs: Sequence[Measured]) -> list[TaskCost]:
    """Of each task that was run, by the median over entries; the mean sample stands for those that nobody ran."""
    found = []
    for task in tasks.names():
        samples = full_size(task)
        like = LIKE_DISCOVERY if task == DISCOVERY else task
        same = [run for run in runs if run.task == like and run.mode.cost_force_calls == 1]
        by_sample = weights(same, "atoms")
        if by_sample is None or samples is None:
            continue
        mean = sum(by_sample.samples.values()) / len(by_sample.samples)
        around = [run.around for run in same if run.around is not None]
        found.append(
            TaskCost(
                task,
                samples,
                atoms=median(by_sample.scales.values()) * mean * samples,
                around=(median(around) if around else 0.0) * samples,
                samples_per_chunk=tasks.load(task).protocol.samples_per_chunk,
            )
        )
    return found


def run_all(costs: Sequence[TaskCost], *, models: int, rate: float, cluster: Cluster, seed: int = 0) -> Outcome:
    """All models on all tasks as one queue, the longest chunks first."""
    chunks = sorted((chunk for cost in costs for chunk in cost.chunks(rate)), reverse=True)
    return simulate(np.repeat(chunks, models), cluster, rng=np.random.default_rng(seed))
