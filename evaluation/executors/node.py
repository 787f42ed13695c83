"""Node: what a worker of Parsl does with a shard, on whatever machine it is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache

from evaluation.executors import cores as worker_cores
from evaluation.executors import devices
from evaluation.executors.job import Ended, ShardJob
from evaluation.executors.shard_process import ShardProcess


def run_shard(asked: str, program: Sequence[str], stall_limit: float, *, own_gpu: bool, cores: int) -> str:
    """Run a ShardJob (JSON) in this worker's child; an Ended (JSON).

    A child, so that a model which takes its process down leaves Parsl's worker alone. own_gpu: the worker's number on
    the node is that of its GPU among those that the queue gave. cores: the worker's.
    """
    job = ShardJob.model_validate_json(asked)
    variables = worker_cores.variables(cores)
    if own_gpu:
        rank, gpus = int(os.environ["PARSL_WORKER_RANK"]), devices.visible_gpus()
        if rank >= len(gpus):
            told = f"worker {rank} of {os.uname().nodename} has no GPU, {len(gpus)} are visible; see gpus_per_node"
            return Ended(error=told, again=False).model_dump_json()
        variables |= devices.pinned(gpus[rank])
    process = _child(tuple(program), tuple(variables.items()))
    return process.run(job.job, job.shard, stall_limit=stall_limit).model_dump_json()


@cache
def _child(program: tuple[str, ...], variables: tuple[tuple[str, str], ...]) -> ShardProcess:
    """This worker's own. It keeps the model of the last shard, and ends with the worker."""
    return ShardProcess(program=program, variables=dict(variables))
