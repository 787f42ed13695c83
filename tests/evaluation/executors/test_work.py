"""One shard in this process: what it says of itself, and which ends are final."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from evaluation.errors import EvaluationFault, ProtocolMismatch, StoreError
from evaluation.executors.job import Job, read_state
from evaluation.executors.work import ended_with, work
from evaluation.harness.shard import Shard
from tests import toy
from zoo.errors import EnvironmentFault, WorkerDied


def test_a_shard_says_how_far_it_is_and_a_full_disk_is_final(tmp_path: Path) -> None:
    job = Job(entry="toy@conservative", task="eos", subset="canary", device="cpu", threads=1, runs=tmp_path / "runs")
    shard = Shard(1, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with toy.potential(tmp_path) as potential:
        potential.compute([])
        assert potential.info  # its worker has started before the disk is full
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1500, hard))  # the conditions have more bytes, a state fewer
            with pytest.raises(StoreError, match=r"cannot be written.*Make room") as caught:
                work(job, shard, lambda _: potential)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert not ended_with(caught.value).again
        failed = read_state(job.state_file(shard))
        folder = work(job, shard, lambda _: toy.potential(tmp_path))
    state = read_state(job.state_file(shard))
    assert failed is not None
    assert (failed.ended, failed.done, failed.total) == (True, 0, 0)
    assert str(failed.error).startswith("StoreError: ")
    assert state is not None
    assert (state.ended, state.error, state.done, state.total, state.folder) == (True, None, 3, 3, folder)
    assert [path.name for path in (folder / "records").iterdir()] == ["canary-0000.parquet"]


def test_what_a_lost_worker_spoilt_may_go_better() -> None:
    assert ended_with(WorkerDied("x")).again
    assert ended_with(EvaluationFault("3 of 4 chunks did not run")).again
    assert not ended_with(ProtocolMismatch("x")).again
    assert not ended_with(EnvironmentFault("x")).again
    assert ended_with(None).error is None
