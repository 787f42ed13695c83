"""Status: what the folders of runs say about how far everything is."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from evaluation import dataset
from evaluation.errors import DatasetUnavailable
from evaluation.store import find_runs, read_records
from evaluation.subset import SUBSETS, Subset
from evaluation.task import Task, load


class RunStatus(BaseModel):
    """One run's folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    entry: str
    folder: str
    records: int
    failed: int
    stored: dict[Subset, int]
    """Samples that have a record, by the subset that brings them in (not cumulative)."""
    total: dict[Subset, int | None]
    """Samples that a subset brings in; None where reference data say how many, and are not on this machine."""
    running: bool
    last: str | None
    """When the newest shard was written, UTC."""


def read_status(runs: Path) -> list[RunStatus]:
    """Status of every run below `runs`. Raises StoreError when a shard cannot be read."""
    return [_status(folder) for folder in find_runs(runs)]


def _status(folder: Path) -> RunStatus:
    conditions = json.loads((folder / "conditions.json").read_text(encoding="utf-8"))
    shards = sorted((folder / "records").glob("*.parquet"))
    stored: Counter[str] = Counter()
    failed = 0
    for shard in shards:
        records = read_records(shard)
        stored[shard.stem.partition("-")[0]] += len(records)
        failed += sum(record.status == "failed" for record in records)
    newest = max((shard.stat().st_mtime for shard in shards), default=None)
    return RunStatus(
        task=conditions["task"],
        entry=conditions["entry"],
        folder=str(folder),
        records=sum(stored.values()),
        failed=failed,
        stored={subset: stored[subset] for subset in SUBSETS},
        total=_totals(load(conditions["task"])),
        running=_locked(folder / "lock"),
        last=datetime.fromtimestamp(newest, UTC).strftime("%Y-%m-%d %H:%M:%S") if newest else None,
    )


def _totals(task: Task) -> dict[Subset, int | None]:
    try:
        with dataset.here_only():
            count = Counter(sample.subset for sample in task.samples("full"))
    except DatasetUnavailable:
        canaries = len(task.samples("canary"))
        return {subset: canaries if subset == "canary" else None for subset in SUBSETS}
    return {subset: count[subset] for subset in SUBSETS}


def _locked(path: Path) -> bool:
    from filelock import FileLock, Timeout

    if not path.exists():
        return False
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return True
    lock.release()
    return False
