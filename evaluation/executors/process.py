"""Processes: the shards of a run on this machine, in children that each have a model's worker of their own."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from evaluation.executors import cores, devices
from evaluation.executors.job import Ended, Job, progress
from evaluation.executors.retries import Retries, retries_of
from evaluation.executors.shard_process import CHILD, STALL_LIMIT, ShardProcess
from evaluation.harness.run import RunProgress
from evaluation.harness.shard import Shard
from zoo import settings

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0


class ProcessExecutor:
    """At most `workers` shards at once; with `gpus`, one on each of them."""

    def __init__(
        self,
        *,
        workers: int,
        gpus: Sequence[str] | None = None,
        stall_limit: float = STALL_LIMIT,
        program: Sequence[str] = CHILD,
    ) -> None:
        self.workers = workers
        self.gpus = gpus
        self.stall_limit = stall_limit
        self.program = program

    def run(
        self, job: Job, shards: Sequence[Shard], *, show: Callable[[RunProgress], None] = lambda _: None
    ) -> dict[Shard, str]:
        """Run the shards; returns those that did not end well, and why.

        A shard whose process is lost or does nothing any more is started again. Raises ProtocolMismatch when shards run
        under different conditions.
        """
        plan = job.plan()
        total = sum(len(chunk.samples) for chunk in plan)
        work = _Work(self, job, retries_of(job, shards, plan))
        clock = time.monotonic()
        slots: Sequence[str | None] = self.gpus[: self.workers] if self.gpus else [None] * self.workers
        with ThreadPoolExecutor(len(slots)) as pool:
            running = [pool.submit(work.drain, gpu) for gpu in slots]
            try:
                while (seen := wait(running, timeout=_LOOK_SECONDS, return_when=FIRST_EXCEPTION)).not_done:
                    if any(slot.exception() for slot in seen.done):
                        break
                    show(progress(job, shards, before=work.before, total=total, seconds=time.monotonic() - clock))
            finally:
                work.stop.set()
            for each in running:
                each.result()
        show(progress(job, shards, before=work.before, total=total, seconds=time.monotonic() - clock))
        return work.faults


class _Work:
    """Shards that wait for a slot, and what became of the others."""

    def __init__(self, executor: ProcessExecutor, job: Job, retries: Mapping[Shard, Retries]) -> None:
        self.executor, self.job, self.retries = executor, job, retries
        self.faults: dict[Shard, str] = {}
        self.before = {shard: tries.samples_stored for shard, tries in retries.items()}
        self.stop = threading.Event()
        self._waiting: queue.SimpleQueue[Shard] = queue.SimpleQueue()
        for shard in retries:
            self._waiting.put(shard)

    def drain(self, gpu: str | None) -> None:
        """One slot: shard after shard, each until it is stored or given up."""
        variables = devices.pinned(gpu) if gpu is not None else {}
        variables |= cores.variables(max(1, settings.solver_cores() // self.executor.workers))
        with ShardProcess(program=self.executor.program, variables=variables) as process:
            while not self.stop.is_set():
                try:
                    shard = self._waiting.get_nowait()
                except queue.Empty:
                    return
                ended = self._attempt(process, shard)
                while self.retries[shard].again(ended):
                    log.warning("shard %s: %s; it is started again", shard, ended.brief)
                    ended = self._attempt(process, shard)
                if ended.error is not None:
                    self.faults[shard] = ended.error

    def _attempt(self, process: ShardProcess, shard: Shard) -> Ended:
        return process.run(self.job, shard, stall_limit=self.executor.stall_limit, stop=self.stop)
