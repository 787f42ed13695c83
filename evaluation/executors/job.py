"""Job: one entry through one task, as a person asked for it; it travels to where a shard of it runs."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from evaluation.errors import ProtocolMismatch
from evaluation.harness.merge import differences
from evaluation.harness.run import RunProgress
from evaluation.harness.shard import Shard
from evaluation.harness.store import Chunk, chunks
from evaluation.subset import Subset
from evaluation.task import load
from zoo.files import write_text
from zoo.strict import Strict


class Job(Strict):
    """What is to run, and how."""

    entry: str
    """Canonical, `card@mode`."""
    task: str
    subset: Subset
    device: str
    threads: int
    runs: Path
    """Absolute, and the same folder everywhere."""
    extend: Path | None = None
    other_commits: bool = False
    """Whether chunks that another commit stored are kept."""

    def plan(self) -> list[Chunk]:
        """All chunks."""
        task = load(self.task)
        return chunks(task.samples(self.subset), task.protocol.samples_per_chunk)

    @property
    def folder(self) -> Path:
        """What is stored of this entry and task, under any conditions."""
        return self.runs / self.task / self.entry

    def state_file(self, shard: Shard) -> Path:
        """Where the process that works on a shard says how far it is."""
        return self.folder / "shards" / f"{self.subset}-{shard.name}.json"

    def log_file(self, shard: Shard) -> Path:
        """What that process and its model print."""
        return self.state_file(shard).with_suffix(".log")

    def stored(self, names: frozenset[str]) -> frozenset[str]:
        """Those of the chunks that are stored, under any conditions."""
        return names & {path.stem for path in self.folder.glob("protocol-*/records/*.parquet")}


class ShardJob(Strict):
    """One shard of a job."""

    job: Job
    index: int
    count: int

    @property
    def shard(self) -> Shard:
        return Shard(self.index, self.count)


class ShardState(Strict):
    """What a process says of the shard that it works on."""

    host: str
    pid: int
    folder: Path | None = None
    """The run's folder, once the model has started and its conditions are known."""
    done: int = 0
    total: int = 0
    """Samples of this shard."""
    resumed: int = 0
    """Samples that were stored before this process began."""
    answers: int = 0
    """Batches that the model has answered."""
    ended: bool = False
    error: str | None = None
    """Why it ended early."""


class Ended(Strict):
    """How an attempt at a shard ended."""

    error: str | None = None
    """None: all of the shard is stored."""
    again: bool = True
    """Whether another attempt may go better: after a lost worker it may, with a full disk or an unknown name not."""

    @property
    def brief(self) -> str:
        """The error's first line."""
        return (self.error or "all stored").splitlines()[0]


class Report:
    """A shard's state, written whole to its file at each change."""

    def __init__(self, path: Path, *, pid: int) -> None:
        self.path = path
        self.state = ShardState(host=socket.gethostname(), pid=pid)
        self._lock = threading.Lock()

    def update(self, **changes: object) -> None:
        """Change the state; a file that cannot be written stops nothing (the records' own errors say more)."""
        with self._lock, contextlib.suppress(OSError):
            self.state = self.state.model_copy(update=changes)
            write_text(self.path, self.state.model_dump_json(indent=1) + "\n")


def read_state(path: Path) -> ShardState | None:
    """The state of a shard; None where there is none."""
    try:
        return ShardState.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def progress(
    job: Job, shards: Sequence[Shard], *, before: Mapping[Shard, int], total: int, seconds: float
) -> RunProgress:
    """How far all shards are together; `before`: samples of each that were stored before, for those that wait.

    Raises ProtocolMismatch when two of them run under different conditions.
    """
    known = {shard: read_state(job.state_file(shard)) for shard in shards}
    states = [state for state in known.values() if state is not None]
    waiting = sum(before[shard] for shard, state in known.items() if state is None)
    folders = list(dict.fromkeys(state.folder for state in states if state.folder is not None))
    if len(folders) > 1:
        raise ProtocolMismatch(
            f"{job.entry} on {job.task}: shards run under different conditions, {differences(folders)}; give all "
            "of them one kind of machine"
        )
    done, resumed = sum(state.done for state in states), sum(state.resumed for state in states)
    return RunProgress(done + waiting, total, resumed + waiting, seconds)
