"""Cost: what one answer of an entry takes, as the task `speed` says. The times of other runs do not compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluation.result import Run
from leaderboard.ranking.collect import Entry

TASK = "speed"
METRIC = "relative_cost"
DEVICE = "one CPU thread"
"""Ratios of one kind of device compare with each other: those of this one."""


@dataclass(frozen=True)
class RelativeCost:
    """The time of one answer over that of the reference model in the same run."""

    value: float
    low: float | None
    high: float | None
    """95 % interval over crystals and sizes."""
    microseconds: float | None
    """µs per atom, on `machine`."""
    machine: str
    """Processor and threads."""


def relative_costs(entries: Sequence[Entry]) -> Mapping[str, RelativeCost]:
    """`card@mode` → what it costs; entries that were not timed are missing."""
    found = {}
    for entry in entries:
        if entry.task.name == TASK and (cost := _cost(entry)):
            found[entry.name] = cost
    return found


def machine(run: Run) -> str:
    """`AMD EPYC, 1 thread`."""
    return (
        f"{run.hardware.accelerator or run.hardware.cpu}, {run.threads} {'thread' if run.threads == 1 else 'threads'}"
    )


def _cost(entry: Entry) -> RelativeCost | None:
    run = entry.result.run
    if entry.stale or run.subset == "canary" or run.hardware.accelerator or run.threads != 1:
        return None
    same = entry if run.subset == "fast" else entry.restricted_to("fast")
    score = same.result.scores[METRIC] if same else None
    if same is None or score is None or score.value is None:
        return None
    return RelativeCost(
        value=score.value,
        low=score.low,
        high=score.high,
        microseconds=same.result.scores["microseconds"].value,
        machine=machine(run),
    )
