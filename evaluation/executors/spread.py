"""Spread: a job over an executor, and its one result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from evaluation.errors import EvaluationFault
from evaluation.executors.job import Job, read_state
from evaluation.harness.in_flight import MOST_CHUNKS
from evaluation.harness.merge import find, merge
from evaluation.harness.run import RunProgress
from evaluation.harness.shard import Shard, divide
from evaluation.harness.store import Chunk
from evaluation.result import Result
from evaluation.task import load

SHARDS_PER_SLOT = 32
"""Atoms tell a shard's time only roughly: the more shards wait for a slot that is free, the less the last of them is
waited for. A slot keeps its model from one shard to the next, so that a shard costs a file."""


def shard_count(plan: Sequence[Chunk], *, slots: int, on_gpus: bool) -> int:
    """How many shards of a plan so many slots get; on GPUs none so small that its chunks cannot run together."""
    most = SHARDS_PER_SLOT * slots
    return min(most, max(slots, len(plan) // MOST_CHUNKS)) if on_gpus else most


class Executor(Protocol):
    """Runs shards somewhere."""

    def run(self, job: Job, shards: Sequence[Shard], *, show: Callable[[RunProgress], None]) -> dict[Shard, str]:
        """Run them, again where a process or a node is lost; returns those that did not end well, and why."""


def spread(
    job: Job, executor: Executor, *, count: int, results: Path, show: Callable[[RunProgress], None] = lambda _: None
) -> Result:
    """Run a job as `count` shards, and merge them. What is stored already does not run again.

    Raises EvaluationFault when shards did not end well, and what `merge` raises.
    """
    parts = divide(job.plan(), count)
    atoms = {shard: sum(chunk.atoms for chunk in part) for shard, part in zip(Shard.all(count), parts, strict=True)}
    # what takes long is not left for the end
    shards = sorted((shard for shard in atoms if atoms[shard]), key=lambda shard: (-atoms[shard], shard))
    faults = executor.run(job, shards, show=show)
    if faults:
        told = "\n  ".join(f"{shard}: {reason}" for shard, reason in sorted(faults.items()))
        raise EvaluationFault(
            f"{job.entry} on {job.task}: {len(faults)} of {len(shards)} shards did not end well; run the same command "
            f"again to continue. Their logs are in {job.folder / 'shards'}. Reasons:\n  {told}"
        )
    states = (read_state(job.state_file(shard)) for shard in shards)
    folder = next((state.folder for state in states if state is not None and state.folder is not None), None)
    task = load(job.task)
    return merge(
        folder or find(job.runs, task=task, entry=job.entry, subset=job.subset),
        task=task,
        subset=job.subset,
        results=results,
        other_commits=job.other_commits,
    )
