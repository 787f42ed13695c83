"""Status: what the folders of runs say about how far everything is."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from evaluation.errors import StoreError
from evaluation.harness.lock import running
from evaluation.harness.store import find_runs, read_json, read_sessions, read_statuses
from evaluation.subset import SUBSETS, Subset

log = logging.getLogger(__name__)


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
    """Samples that a subset brings in; None for a subset that nobody has asked for."""
    running: bool
    last: str | None
    """When the newest shard was written, UTC."""


def read_status(runs: Path) -> list[RunStatus]:
    """Status of every run below `runs`; of one whose files cannot be read, a warning is logged, one line."""
    found = []
    for folder in find_runs(runs):
        try:
            found.append(_status(folder))
        except StoreError as error:
            log.warning("%s; 'mlip-zoo evaluate' with the run's entry and task mends it", error)
    return found


def _status(folder: Path) -> RunStatus:
    path = folder / "conditions.json"
    conditions = read_json(path)
    if not isinstance(conditions, dict) or not {"task", "entry"} <= conditions.keys():
        raise StoreError(f"{path} cannot be read: it names no task and entry")
    shards = sorted((folder / "records").glob("*.parquet"))
    stored: Counter[str] = Counter()
    failed = 0
    for shard in shards:
        statuses = read_statuses(shard)
        stored[shard.stem.partition("-")[0]] += len(statuses)
        failed += statuses.count("failed")
    newest = max((shard.stat().st_mtime for shard in shards), default=None)
    return RunStatus(
        task=conditions["task"],
        entry=conditions["entry"],
        folder=str(folder),
        records=sum(stored.values()),
        failed=failed,
        stored={subset: stored[subset] for subset in SUBSETS},
        total=_totals(folder),
        running=running(folder),
        last=datetime.fromtimestamp(newest, UTC).strftime("%Y-%m-%d %H:%M:%S") if newest else None,
    )


def _totals(folder: Path) -> dict[Subset, int | None]:
    """As the processes planned that worked there: neither the task nor its reference data need be on this machine."""
    planned: dict[Subset, int] = {}
    for session in read_sessions(folder):
        planned |= session.planned
    return {subset: planned.get(subset) for subset in SUBSETS}
