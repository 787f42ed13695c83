"""Shards under a real Slurm, which the test starts: whatever is lost of jobs, workers and nodes, no record is."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evaluation.executors.job import Job, ShardState, read_state
from evaluation.harness.merge import find, merge
from evaluation.harness.shard import Shard
from evaluation.harness.store import read_records
from evaluation.task import load
from tests.evaluation.executors.slurm import PROGRAMS, Slurm, slurm, stop_node
from tests.evaluation.executors.toy_child import toy_job

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
ENTRY = "toy@conservative"


@pytest.fixture(scope="module")
def cluster(program: Callable[..., str]) -> Iterator[Slurm]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{os.environ['PATH']}:/usr/sbin:/sbin")
        for name in PROGRAMS:
            program(name)
    with slurm() as running:
        yield running


def final(folder: Path) -> list[dict[str, Any]]:
    return [r.model_dump(exclude={"seconds"}) for r in read_records(folder / "results" / "eos" / f"{ENTRY}.parquet")]


def working(job: Job, count: int) -> dict[Shard, ShardState]:
    """Shards whose model has started and which have not ended."""
    states = {shard: read_state(job.state_file(shard)) for shard in Shard.all(count)}
    return {
        shard: state
        for shard, state in states.items()
        if state is not None and state.folder is not None and not state.ended and Path(f"/proc/{state.pid}").exists()
    }


def until[T](found: Callable[[], T], *, limit: float = 300.0) -> T:
    """Wait until something is there."""
    end = time.monotonic() + limit
    while not (value := found()):
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.2)
    return value


# --- a job array ------------------------------------------------------------------------------------------------------


def test_a_job_array_is_cancelled_and_submitted_again(cluster: Slurm, tmp_path: Path, undisturbed_fast: Path) -> None:
    def submit(delay: str) -> str:
        script = tmp_path / "array.sh"
        script.write_text(
            f"#!/bin/bash\n#SBATCH --array=1-2 --output={tmp_path}/%a.log\nexport PYTHONPATH={ROOT} TOY_DELAY={delay}\n"
            f'exec {sys.executable} {HERE / "toy_child.py"} {tmp_path} fast "$SLURM_ARRAY_TASK_ID/2"\n'
        )
        return cluster.run("sbatch", "--parsable", str(script)).strip()

    job = toy_job(tmp_path, "fast")
    number = submit("1")
    until(lambda: working(job, 2))
    cluster.run("scancel", number)
    cluster.wait(limit=120)
    assert len(job.stored(frozenset(chunk.name for chunk in job.plan()))) < 4
    submit("0")
    cluster.wait(limit=300)
    task = load("eos")
    folder = find(job.runs, task=task, entry=ENTRY, subset="fast")
    merge(folder, task=task, subset="fast", results=tmp_path / "results")
    assert final(tmp_path) == final(undisturbed_fast)


# --- Parsl ------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def spreading(cluster: Slurm, folder: Path, *, delay: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """Four shards, given to two blocks of one worker each, on a node each."""
    config = folder / "slurm.yaml"
    config.write_text(
        "provider: slurm\nmax_blocks: 2\ncores_per_worker: 3\nwalltime: '00:30:00'\npoll_seconds: 5\n"
        f"worker_init: export PYTHONPATH={ROOT}\n"
    )
    with (folder / "told").open("ab") as told:  # no pipe: what it started would hold that open
        process = subprocess.Popen(
            [sys.executable, str(HERE / "toy_spread.py"), str(folder), "fast", "4", str(config)],
            env={**os.environ, **cluster.variables, "TOY_DELAY": delay, "PYTHONPATH": str(ROOT), **variables},
            stderr=told,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def of_worker(state: ShardState) -> int:
    """The worker of Parsl that started a shard's process."""
    fields = Path(f"/proc/{state.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[1])


@pytest.mark.slow
def test_lost_workers_blocks_nodes_and_spreaders_lose_no_record(
    cluster: Slurm, tmp_path: Path, undisturbed_fast: Path
) -> None:
    pytest.importorskip("parsl", reason="pip install 'mlip-zoo[cluster]'")
    job = toy_job(tmp_path, "fast")
    with spreading(cluster, tmp_path, delay="2") as process:
        # a worker of Parsl
        first = until(lambda: working(job, 4))
        shard, state = next(iter(first.items()))
        os.kill(of_worker(state), signal.SIGKILL)
        until(lambda: (now := working(job, 4).get(shard)) is not None and now.pid != state.pid)
        # a block
        cluster.run("scancel", next(iter(cluster.jobs())))
        until(lambda: len([node for node in cluster.jobs().values() if node]) == 2 and working(job, 4))
        # a node, by its administrator
        cluster.run("scontrol", "update", "NodeName=n1", "State=DOWN", "Reason=test")
        until(lambda: "n1" not in cluster.jobs().values() and working(job, 4))
        # it may have come back by itself, which is an error then (ReturnToService)
        cluster.run("scontrol", "update", "NodeName=n1", "State=RESUME", check=False)
        # the process that spreads
        assert process.poll() is None
        process.kill()
    assert not (tmp_path / "results").exists()
    cluster.wait(limit=240)  # its blocks miss it, and end
    lost = tmp_path.glob("runs/eos/*/protocol-*/records/fast-0001.parquet")
    for path in lost:  # in the meantime they may have stored everything
        path.unlink()
    with spreading(cluster, tmp_path, delay="2") as process:
        # a node that vanishes, with its slurmd and all that runs there; little is left to do, and it may end before
        worker = of_worker(next(iter(until(lambda: working(job, 4)).values())))
        stop_node(cluster, "n2")
        os.kill(worker, signal.SIGKILL)
        assert process.wait(540) == 0, (tmp_path / "told").read_text()
    assert final(tmp_path) == final(undisturbed_fast)


def strike(kind: str, state: ShardState, cluster: Slurm) -> bool:
    """Kill a shard's process, the worker that runs it, or a block; False where it was too late."""
    try:
        if kind == "block":
            cluster.run("scancel", "--signal=KILL", "--full", next(iter(cluster.jobs())))
        else:
            os.kill(state.pid if kind == "shard" else of_worker(state), signal.SIGKILL)
    except (ProcessLookupError, FileNotFoundError, StopIteration):
        return False
    return True


@pytest.mark.slow
def test_ten_kills_anywhere_under_parsl_lose_nothing(cluster: Slurm, tmp_path: Path, undisturbed_fast: Path) -> None:
    """Of shards, workers, blocks and, once, of the process that spreads, at random moments in a random order.

    A run that is done before its time is compared, and another one started; one that gave a shard up goes on.
    """
    pytest.importorskip("parsl", reason="pip install 'mlip-zoo[cluster]'")
    rng = random.Random(20261128)
    left = ["shard"] * 4 + ["worker"] * 3 + ["block"] * 2 + ["spreader"]
    rng.shuffle(left)
    runs = 0
    while left:
        folder = tmp_path / str(runs)
        folder.mkdir(exist_ok=True)
        job = toy_job(folder, "fast")
        with spreading(cluster, folder, delay="1") as process:
            while left:
                until(lambda job=job, process=process: working(job, 4) or process.poll() is not None)  # type: ignore[misc]
                time.sleep(rng.uniform(0.0, 1.5))
                if process.poll() is not None:
                    break
                if left[-1] == "spreader":
                    left.pop()
                    break
                if any(strike(left[-1], state, cluster) for state in list(working(job, 4).values())[:1]):
                    left.pop()
        cluster.wait(limit=240)  # blocks that miss their spreader end
        if (folder / "results").exists():
            assert final(folder) == final(undisturbed_fast)
            runs += 1
    folder = tmp_path / str(runs)
    folder.mkdir(exist_ok=True)
    with spreading(cluster, folder, delay="0") as process:
        assert process.wait(540) == 0, (folder / "told").read_text()
    assert final(folder) == final(undisturbed_fast)


@pytest.mark.slow
def test_a_full_disk_under_parsl_is_told_and_not_tried_again(
    cluster: Slurm, tmp_path: Path, undisturbed_fast: Path
) -> None:
    pytest.importorskip("parsl", reason="pip install 'mlip-zoo[cluster]'")
    with spreading(cluster, tmp_path, delay="0", TOY_DISK="100") as process:
        assert process.wait(300) == 1
    told = (tmp_path / "told").read_text()
    assert "cannot be written: File too large. Make room on that disk" in told
    assert "given out again" not in told
    assert not list(tmp_path.glob("runs/eos/*/protocol-*/records/*.parquet"))
    with spreading(cluster, tmp_path, delay="0") as process:
        assert process.wait(300) == 0, (tmp_path / "told").read_text()
    assert final(tmp_path) == final(undisturbed_fast)
