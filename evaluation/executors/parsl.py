"""Parsl: the shards of a run on a cluster's nodes, as a configuration says.

Parsl starts blocks, keeps them, and hands shards to them. Whether a shard is tried again, and whether all of it still
moves, is decided here, from the files that the shards write; nothing but those is trusted.
"""

from __future__ import annotations

import logging
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from evaluation.errors import ConfigurationError, EvaluationFault
from evaluation.executors.configuration import Configuration, KubernetesConfiguration, SlurmConfiguration
from evaluation.executors.job import Ended, Job, ShardJob, progress, read_state
from evaluation.executors.node import run_shard
from evaluation.executors.retries import retries_of
from evaluation.executors.shard_process import CHILD, STALL_LIMIT, Silence
from evaluation.harness.run import RunProgress
from evaluation.harness.shard import Shard

if TYPE_CHECKING:
    from parsl.config import Config
    from parsl.dataflow.dflow import DataFlowKernel
    from parsl.executors import HighThroughputExecutor
    from parsl.providers.base import ExecutionProvider

log = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0
_BLOCKS_IN_VAIN = 5
"""Blocks that ended before any worker of any block was seen, after which something is wrong with all of them."""
_HEARTBEAT_SECONDS = 15
_LOST_SECONDS = 60
"""Without a heartbeat for so long a node is lost to us, and we to a node: its workers end, and free their shards."""
_FEW_CORES = 0.001
"""For Parsl, which else starts fewer workers than were asked for where it counts fewer cores."""


class ParslExecutor:
    """Use it as a context manager: its blocks end with it.

    folder: for Parsl's logs and scripts, on a file system that the nodes share.
    """

    def __init__(
        self,
        asked: Configuration,
        *,
        folder: Path,
        stall_limit: float = STALL_LIMIT,
        program: Sequence[str] = CHILD,
    ) -> None:
        self.asked = asked
        self.folder = folder
        self.stall_limit = stall_limit
        self.program = tuple(program)
        self._kernel: DataFlowKernel | None = None
        self._workers_seen = False

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def run(
        self, job: Job, shards: Sequence[Shard], *, show: Callable[[RunProgress], None] = lambda _: None
    ) -> dict[Shard, str]:
        """Run the shards; returns those that did not end well, and why.

        A shard that is lost with its worker, its block or its node is given out again; when workers are there and
        nothing moves, Parsl is started anew. Raises ProtocolMismatch when shards run under different conditions,
        EvaluationFault when no block ever comes to work.
        """
        plan = job.plan()
        total = sum(len(chunk.samples) for chunk in plan)
        retries = retries_of(job, shards, plan)
        before = {shard: tries.samples_stored for shard, tries in retries.items()}
        faults: dict[Shard, str] = {}
        clock = time.monotonic()
        running = {self._submit(job, shard): shard for shard in shards}
        silence = Silence(limit=self.stall_limit + _LOST_SECONDS)
        while running:
            done, _ = wait(running, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                shard = running.pop(future)
                ended = _ended(future)
                if retries[shard].again(ended):
                    log.warning("shard %s: %s; it is given out again", shard, ended.brief)
                    running[self._submit(job, shard)] = shard
                elif ended.error is not None:
                    faults[shard] = ended.error
            show(progress(job, shards, before=before, total=total, seconds=time.monotonic() - clock))
            workers = self._workers()
            states = [read_state(job.state_file(shard)) for shard in shards]
            if silence.too_long((workers, len(running), states)) and workers:
                log.warning("workers are there and nothing moves: Parsl is started again")
                left = sorted(running.values())
                self._stop()
                self._start()
                running = {self._submit(job, shard): shard for shard in left}
                silence = Silence(limit=silence.limit)
        return faults

    def _start(self) -> None:
        try:
            from parsl.dataflow.dflow import DataFlowKernel
            from parsl.errors import OptionalModuleMissing
        except ImportError as error:
            raise ConfigurationError(
                f"--executor parsl needs Parsl, here and on the nodes: pip install 'mlip-zoo[cluster]' ({error})"
            ) from None
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._kernel = DataFlowKernel(parsl_config(self.asked, folder=self.folder))
        except OptionalModuleMissing as error:
            raise ConfigurationError(
                f"provider {self.asked.provider}: pip install {' '.join(error.module_names)} ({error})"
            ) from None

    def _stop(self) -> None:
        kernel, self._kernel = self._kernel, None
        if kernel is not None:
            kernel.cleanup()

    @property
    def _pool(self) -> HighThroughputExecutor:
        assert self._kernel is not None
        return cast("HighThroughputExecutor", self._kernel.executors["shards"])

    def _submit(self, job: Job, shard: Shard) -> Future[str]:
        from parsl.app.app import python_app

        asked = ShardJob(job=job, index=shard.index, count=shard.count).model_dump_json()
        app = python_app(run_shard, data_flow_kernel=self._kernel)
        future: Future[str] = app(
            asked,
            self.program,
            self.stall_limit,
            own_gpu=self.asked.gpus_per_node > 0,
            cores=self.asked.cores_per_worker,
        )
        return future

    def _workers(self) -> int:
        """Workers that are connected. Raises EvaluationFault when block after block ends without any."""
        workers = sum(int(each["worker_count"]) for each in self._pool.connected_managers())
        self._workers_seen = self._workers_seen or workers > 0
        if not self._workers_seen:
            ended = [status for status in self._pool.status_facade.values() if status.terminal]
            if len(ended) >= _BLOCKS_IN_VAIN:
                told = ended[-1].message or ended[-1].stderr_summary or ended[-1].stdout_summary or "no reason given"
                raise EvaluationFault(
                    f"{len(ended)} blocks of {self.asked.provider} ended before a worker was there; see --config, "
                    f"worker_init first, and the logs in {self.folder}. The last one: {told}"
                )
        return workers


def _ended(future: Future[str]) -> Ended:
    """How a task ended; when Parsl has lost it, it may go better again."""
    error = future.exception()
    if error is not None:
        return Ended(error=f"lost by Parsl: {type(error).__name__}: {error}")
    return Ended.model_validate_json(future.result())


def parsl_config(asked: Configuration, *, folder: Path) -> Config:
    """Parsl's own configuration."""
    from parsl.config import Config
    from parsl.executors import HighThroughputExecutor

    pool = HighThroughputExecutor(
        label="shards",
        provider=_provider(asked),
        interchange_launch_cmd=[sys.executable, "-m", "evaluation.executors.interchange"],
        address=asked.address,
        cores_per_worker=_FEW_CORES,
        max_workers_per_node=asked.workers_per_node,
        heartbeat_period=_HEARTBEAT_SECONDS,
        heartbeat_threshold=_LOST_SECONDS,
        block_error_handler=False,  # the default fails every task when one block is lost
    )
    return Config(executors=[pool], run_dir=str(folder), retries=0, strategy="simple", usage_tracking=0)


def _provider(asked: Configuration) -> ExecutionProvider:
    from parsl import providers

    blocks: dict[str, Any] = {
        "init_blocks": 1,
        "min_blocks": 0,
        "max_blocks": asked.max_blocks,
        "worker_init": _init(asked),
    }
    if isinstance(asked, SlurmConfiguration):
        from parsl.launchers import SimpleLauncher, SrunLauncher

        return _polled(providers.SlurmProvider, asked)(
            partition=asked.partition,
            account=asked.account,
            qos=asked.qos,
            nodes_per_block=asked.nodes_per_block,
            cores_per_node=asked.workers_per_node * asked.cores_per_worker,
            mem_per_node=asked.memory_gb_per_node,
            gpus_per_node=asked.gpus_per_node or None,
            walltime=asked.walltime,
            scheduler_options=asked.options,
            exclusive=asked.exclusive,
            launcher=SrunLauncher() if asked.nodes_per_block > 1 else SimpleLauncher(),
            cmd_timeout=60,
            **blocks,
        )
    if isinstance(asked, KubernetesConfiguration):
        cores = float(asked.workers_per_node * asked.cores_per_worker)
        gpus = {"nvidia.com/gpu": str(asked.gpus_per_node)} if asked.gpus_per_node else None
        return _polled(providers.KubernetesProvider, asked)(
            image=asked.image,
            namespace=asked.namespace,
            init_cpu=cores,
            max_cpu=cores,
            init_mem=asked.memory,
            max_mem=asked.memory,
            extra_requests=gpus,
            extra_limits=gpus,
            persistent_volumes=[(volume.claim, volume.path) for volume in asked.volumes],
            service_account_name=asked.service_account,
            **blocks,
        )
    return providers.LocalProvider(**blocks)


def _init(asked: Configuration) -> str:
    """The shell lines before the workers: this environment's programs are found, unless `worker_init` has others."""
    if isinstance(asked, KubernetesConfiguration):
        return asked.worker_init
    return f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"\n{asked.worker_init}'


def _polled[T: ExecutionProvider](kind: type[T], asked: Configuration) -> type[T]:
    """The provider that asks its queue every `poll_seconds`."""
    return type(kind.__name__, (kind,), {"status_polling_interval": asked.poll_seconds})
