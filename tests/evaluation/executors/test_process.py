"""Shards in processes: whatever is killed, and whenever, the records are those of an undisturbed run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluation.errors import ProtocolMismatch
from evaluation.executors.job import Job, Report, ShardState, progress, read_state
from evaluation.executors.process import ProcessExecutor
from evaluation.executors.shard_process import ShardProcess, Silence
from evaluation.executors.spread import shard_count, spread
from evaluation.harness.shard import Shard
from evaluation.harness.store import Store, read_records
from evaluation.subset import Subset

SPREAD = Path(__file__).with_name("toy_spread.py")
ENTRY = "toy@conservative"


def job(folder: Path, subset: Subset = "fast") -> Job:
    return Job(entry=ENTRY, task="eos", subset=subset, device="cpu", threads=1, runs=folder / "runs")


def start(folder: Path, *, delay: str = "0", subset: Subset = "fast", **variables: str) -> subprocess.Popen[str]:
    """Two shards, side by side."""
    return subprocess.Popen(
        [sys.executable, str(SPREAD), str(folder), subset, "2"],
        env={**os.environ, "TOY_DELAY": delay, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(folder: Path, *, subset: Subset = "fast", **variables: str) -> tuple[int, str]:
    process = start(folder, subset=subset, **variables)
    _, told = process.communicate(timeout=300)
    return process.returncode, told


def final(folder: Path) -> list[dict[str, Any]]:
    return [r.model_dump(exclude={"seconds"}) for r in read_records(folder / "results" / "eos" / f"{ENTRY}.parquet")]


def until(condition: Callable[[], bool], process: subprocess.Popen[str], *, limit: float = 240.0) -> bool:
    """Wait for something that the process brings about; False when it ended without."""
    end = time.monotonic() + limit
    while not condition():
        if process.poll() is not None:
            return False
        assert time.monotonic() < end, "it did nothing"
        time.sleep(0.02)
    return True


def working(folder: Path, index: int) -> ShardState | None:
    """The state of a shard that has done something and has not ended."""
    state = read_state(job(folder).state_file(Shard(index, 2)))
    return state if state is not None and state.folder is not None and not state.ended else None


def stored(folder: Path) -> int:
    return len(list((folder / "runs").glob("eos/*/protocol-*/records/*.parquet")))


def killed(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def test_a_killed_shard_and_a_killed_spreader_change_nothing(tmp_path: Path, undisturbed_fast: Path) -> None:
    with start(tmp_path, delay="0.2") as process:
        assert until(lambda: working(tmp_path, 1) is not None and working(tmp_path, 2) is not None, process)
        first = working(tmp_path, 1)
        assert first is not None
        assert killed(first.pid)
        # it is started again, by another process
        assert until(lambda: (state := working(tmp_path, 1)) is not None and state.pid != first.pid, process)
        children = [state.pid for index in (1, 2) if (state := working(tmp_path, index)) is not None]
        assert stored(tmp_path) < 4
        process.kill()
        assert process.wait(60) == -signal.SIGKILL
    assert not (tmp_path / "results").exists()
    children = [state.pid for index in (1, 2) if (state := read_state(job(tmp_path).state_file(Shard(index, 2))))]
    assert finish(tmp_path)[0] == 0
    assert final(tmp_path) == final(undisturbed_fast)
    assert not any(killed(pid) for pid in children)  # they had ended with the process that started them


@pytest.mark.slow
def test_a_full_disk_is_told_and_not_tried_again(tmp_path: Path, undisturbed_fast: Path) -> None:
    code, told = finish(tmp_path, TOY_DISK="100")
    assert code == 1
    assert "cannot be written: File too large. Make room on that disk" in told
    assert "started again" not in told
    assert stored(tmp_path) == 0
    assert finish(tmp_path)[0] == 0
    assert final(tmp_path) == final(undisturbed_fast)


@pytest.mark.slow
def test_ten_kills_anywhere_lose_nothing(tmp_path: Path, undisturbed_fast: Path) -> None:
    """Of shards, and of the process that started them; those that fall before a shard began are none.

    A run that is done before its time is compared, and another one started.
    """
    rng = random.Random(20261127)
    kills, runs = 0, 0
    while kills < 10:
        folder = tmp_path / str(runs)
        folder.mkdir(exist_ok=True)
        with start(folder, delay="0.3") as process:
            while kills < 10:
                index = rng.choice((1, 2))
                if not until(lambda folder=folder, index=index: working(folder, index) is not None, process):  # type: ignore[misc]
                    break
                time.sleep(rng.uniform(0.0, 1.5))
                state = working(folder, index)
                if state is None:
                    continue
                if rng.random() < 0.3:
                    process.kill()
                    kills += 1
                    break
                kills += killed(state.pid)
            if kills == 10:
                process.kill()
        if (folder / "results").exists():
            assert final(folder) == final(undisturbed_fast)
            runs += 1
    folder = tmp_path / str(runs)
    folder.mkdir(exist_ok=True)
    code, told = finish(folder)
    assert code == 0, told
    assert final(folder) == final(undisturbed_fast)


def running(pid: int) -> bool:
    """Whether it is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_one_process_and_one_model_do_all_of_its_shards(tmp_path: Path, undisturbed_fast: Path) -> None:
    program = [str(Path(__file__).with_name("toy_child.py"))]
    spread(job(tmp_path), ProcessExecutor(workers=1, program=program), count=3, results=tmp_path / "results")
    assert final(tmp_path) == final(undisturbed_fast)
    states = [read_state(job(tmp_path).state_file(shard)) for shard in Shard.all(3)]
    assert len({state.pid for state in states if state is not None}) == 1
    opened = [job(tmp_path).log_file(shard).read_text().count("the toy is opened") for shard in Shard.all(3)]
    assert sorted(opened) == [0, 0, 1]


# --- without a model --------------------------------------------------------------------------------------------------


def test_a_child_that_does_nothing_is_ended(tmp_path: Path) -> None:
    with ShardProcess(program=("-c", "import time; time.sleep(600)")) as process:
        ended = process.run(job(tmp_path), Shard(1, 1), stall_limit=0.2)
    assert ended.error == "neither an answer of the model nor a stored chunk for 0.2 s: it was stopped"
    assert ended.again


def test_an_answer_or_a_stored_chunk_breaks_the_silence() -> None:
    now = 0.0
    silence = Silence(limit=10.0, clock=lambda: now)
    states = [None, None, ShardState(host="h", pid=1), ShardState(host="h", pid=1, answers=1)]
    told = []
    for seconds, state in zip((9.0, 11.0, 12.0, 21.0), states, strict=True):
        now = seconds
        told.append(silence.too_long(state))
    assert told == [False, True, False, False]
    now = 31.0
    assert not silence.too_long(states[-1])
    now = 31.5
    assert silence.too_long(states[-1])


def test_a_stopped_run_ends_its_children(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with ShardProcess(program=("-c", "import time; time.sleep(600)")) as process:
        ended = process.run(job(tmp_path), Shard(1, 1), stop=stop)
    assert not ended.again


@pytest.mark.parametrize(
    ("script", "attempts", "reason"),
    [
        ("", 3, "its process ended (exit 3)"),
        ("os.kill(os.getpid(), 9)", 3, "its process ended (signal SIGKILL)"),
        ("say(error='StoreError: full', again=False)", 1, "StoreError: full"),
        ("say(error='WorkerDied: x', again=True)", 3, "WorkerDied: x"),
        ("store()", 6, "its process ended (exit 3)"),
    ],
    ids=["exits", "killed", "not-again", "again", "stores-something-each-time"],
)
def test_a_shard_is_given_up_after_three_attempts_that_store_nothing(
    tmp_path: Path, script: str, attempts: int, reason: str
) -> None:
    """The last one stores one chunk in each of its first three attempts."""
    asked = job(tmp_path)
    shard = Shard(1, 1)
    with Store(asked.runs, task="eos", entry=ENTRY, conditions={"task": "eos", "entry": ENTRY}) as store:
        records = store.folder / "records"
    names = [chunk.name for chunk in asked.plan()][:3]
    program = (
        "import json, os, sys; from pathlib import Path; sys.stdin.readline()\n"
        f"with open({str(tmp_path / 'attempts')!r}, 'a') as file: file.write('x')\n"
        f"def say(**ended): print(json.dumps(ended))\n"
        f"def store():\n"
        f"    new = [n for n in {names!r} if not (Path({str(records)!r}) / (n + '.parquet')).exists()]\n"
        f"    new and (Path({str(records)!r}) / (new[0] + '.parquet')).touch()\n"
        f"{script}\nsys.exit(3)"
    )
    faults = ProcessExecutor(workers=1, program=("-S", "-c", program)).run(asked, [shard])
    assert faults == {shard: reason}
    assert (tmp_path / "attempts").read_text() == "x" * attempts


def test_a_shard_after_one_that_failed_gets_a_new_process(tmp_path: Path) -> None:
    program = (
        "import json, os, sys\n"
        "for line in sys.stdin:\n"
        f"    with open({str(tmp_path / 'pids')!r}, 'a') as file: print(os.getpid(), file=file)\n"
        "    error = 'StoreError: full' if json.loads(line)['index'] == 2 else None\n"
        "    print(json.dumps({'error': error, 'again': False}), flush=True)"
    )
    faults = ProcessExecutor(workers=1, program=("-S", "-c", program)).run(job(tmp_path), Shard.all(4))
    assert faults == {Shard(2, 4): "StoreError: full"}
    first, second, third, fourth = (tmp_path / "pids").read_text().split()
    assert first == second != third == fourth


def test_each_worker_sees_one_gpu(tmp_path: Path) -> None:
    program = (
        "import json, os, sys; asked = json.loads(sys.stdin.readline())\n"
        f"with open({str(tmp_path)!r} + '/' + str(asked['index']), 'w') as file:\n"
        "    file.write(os.environ['CUDA_VISIBLE_DEVICES'] + ' ' + os.environ['CUDA_DEVICE_ORDER'])\n"
        f"while not all(map(os.path.exists, {[str(tmp_path / n) for n in '12']!r})): pass\n"  # both at once
        "print('{}')"
    )
    executor = ProcessExecutor(workers=2, gpus=["3", "GPU-abc"], program=("-S", "-c", program))
    assert executor.run(job(tmp_path), Shard.all(2)) == {}
    seen = {(tmp_path / str(index)).read_text() for index in (1, 2)}
    assert seen == {"3 PCI_BUS_ID", "GPU-abc PCI_BUS_ID"}


def test_shards_under_different_conditions_are_told_at_once(tmp_path: Path) -> None:
    asked = job(tmp_path)
    for index in (1, 2):
        conditions = {"task": "eos", "entry": ENTRY, "accelerator": f"GPU {index}"}
        with Store(asked.runs, task="eos", entry=ENTRY, conditions=conditions) as store:
            Report(asked.state_file(Shard(index, 2)), pid=1).update(folder=store.folder)
    with pytest.raises(ProtocolMismatch, match=r'accelerator \("GPU 1", "GPU 2"\); give all of them one kind'):
        progress(asked, Shard.all(2), before=dict.fromkeys(Shard.all(2), 0), total=27, seconds=1.0)


def test_what_was_stored_before_counts_for_shards_that_wait(tmp_path: Path) -> None:
    asked, shards = job(tmp_path), Shard.all(2)
    Report(asked.state_file(shards[0]), pid=1).update(done=5, resumed=2)
    found = progress(asked, shards, before={shards[0]: 2, shards[1]: 7}, total=27, seconds=1.0)
    assert (found.done, found.resumed) == (12, 9)


def test_more_shards_than_slots_but_on_gpus_chunks_run_together(tmp_path: Path) -> None:
    plan = job(tmp_path, "full").plan()
    assert len(plan) == 10
    assert shard_count(plan, slots=2, on_gpus=False) == 64
    assert shard_count(plan, slots=2, on_gpus=True) == 2
    assert shard_count(plan * 20, slots=2, on_gpus=True) == 25


def test_a_log_that_cannot_be_written_is_told_and_the_other_shards_run(tmp_path: Path) -> None:
    asked = job(tmp_path)
    asked.log_file(Shard(1, 3)).mkdir(parents=True)
    program = "import sys\nfor _ in sys.stdin: print('{}', flush=True)"
    faults = ProcessExecutor(workers=1, program=("-S", "-c", program)).run(asked, Shard.all(3))
    assert list(faults) == [Shard(1, 3)]
    assert faults[Shard(1, 3)].startswith("it could not be started: IsADirectoryError: ")


def test_an_answer_that_is_none_is_a_failure_of_its_shard(tmp_path: Path) -> None:
    with ShardProcess(program=("-S", "-c", "input(); print('hello')")) as process:
        ended = process.run(job(tmp_path), Shard(1, 1))
    assert ended.error == r"its process answered what is no answer: b'hello\n'"


def test_a_solver_that_a_killed_shard_started_ends_with_it(tmp_path: Path) -> None:
    program = (
        "import os, subprocess, sys; input()\n"
        "solver = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(tmp_path / 'solver')!r}, 'w').write(str(solver.pid))\n"
        "os.kill(os.getpid(), 9)"
    )
    with ShardProcess(program=("-S", "-c", program)) as process:
        assert process.run(job(tmp_path), Shard(1, 1)).error == "its process ended (signal SIGKILL)"
    pid = int((tmp_path / "solver").read_text())
    end = time.monotonic() + 20
    while running(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not running(pid)


def test_workers_share_the_cores_that_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLIP_ZOO_SOLVER_CORES", "6")
    monkeypatch.delenv("OMP_NUM_THREADS")
    program = tmp_path / "told.py"
    names = ("MLIP_ZOO_SOLVER_CORES", "OMP_NUM_THREADS")
    program.write_text(
        f"import os, sys\nsys.stderr.write(' '.join(os.environ[name] for name in {names}))\nsys.exit(1)\n"
    )
    asked, shard = job(tmp_path), Shard(1, 1)
    for own, told in ((None, "3 3"), ("1", "3 1")):
        if own:
            monkeypatch.setenv("OMP_NUM_THREADS", own)
        assert shard in ProcessExecutor(workers=2, program=[str(program)]).run(asked, [shard])
        assert asked.log_file(shard).read_text().startswith(told)
        asked.log_file(shard).unlink()
