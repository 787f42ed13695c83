"""Run: one entry through one task, chunk by chunk, resumable. The one place where a failure becomes a record."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation import provenance
from evaluation.errors import EvaluationFault
from evaluation.record import Record
from evaluation.result import Cost, Counts, Result, Run, Subset
from evaluation.store import Chunk, Store, chunks, write_records
from evaluation.task import Task
from zoo.convert import loaded_sha256
from zoo.errors import WorkerError
from zoo.files import json_text
from zoo.potential import Potential

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """How far a run is; `seconds` is what this process has spent on it."""

    done: int
    total: int
    resumed: int
    """Samples that were there before this process began."""
    seconds: float

    @property
    def seconds_left(self) -> float | None:
        """Estimate from this process's own pace; None before its first chunk."""
        fresh = self.done - self.resumed
        return self.seconds / fresh * (self.total - self.done) if fresh else None


def evaluate(
    potential: Potential,
    task: Task,
    *,
    subset: Subset,
    runs: Path,
    results: Path,
    threads: int,
    show: Callable[[Progress], None] = lambda _: None,
) -> Result:
    """Run what is missing, then score all of it and write the Result and its records.

    Records go to `runs`, `<results>/<task>/<entry>.json` and `.parquet` are written at the end. A chunk whose worker
    fails for reasons that are not the sample's makes no record; the others still run, then EvaluationFault says what is
    missing. Running again continues there.
    """
    plan = chunks(task.samples(subset), task.protocol.samples_per_chunk)
    clock = time.monotonic()
    with Store(runs, task=task.name, entry=potential.name, conditions=conditions(potential, task, threads)) as store:
        if not all(store.has(chunk) for chunk in plan):
            store.begin_session(started=provenance.now(), commit=provenance.commit())
        faults = _run(potential, task, plan, store, clock, show)
        if faults:
            raise EvaluationFault(
                f"{potential.name} on {task.name}: {len(faults)} of {len(plan)} chunks did not run; run the same "
                "command again to continue. Reasons:\n  " + "\n  ".join(faults)
            )
        records = store.records(plan)
        sessions = store.sessions()
    result = Result(
        run=_manifest(potential, task, subset, records, threads, sessions),
        scores=task.score(task.table(records)),
    )
    write_records(results / task.name / result.records_name, sorted(records, key=lambda record: record.sample))
    result.write(results)
    return result


def conditions(potential: Potential, task: Task, threads: int) -> dict[str, Any]:
    """What stored records depend on: change any of it, and the old records are not continued."""
    return {
        "entry": potential.name,
        "checkpoint_sha256": loaded_sha256(potential.card.checkpoint),
        "task": task.name,
        "protocol_sha256": protocol_sha256(task),
        "dataset_sha256": task.dataset_sha256,
        "device": potential.info["device"],
        "accelerator": potential.info["accelerator"],
        "threads": threads,
        "model_packages": potential.info["packages"],
    }


def protocol_sha256(task: Task) -> str:
    """Hash of a protocol's numbers (not of the file: a comment may change)."""
    import hashlib

    return hashlib.sha256(json_text(task.protocol.model_dump(mode="json")).encode()).hexdigest()


def _run(
    potential: Potential,
    task: Task,
    plan: Sequence[Chunk],
    store: Store,
    clock: float,
    show: Callable[[Progress], None],
) -> list[str]:
    total = sum(len(chunk.samples) for chunk in plan)
    resumed = done = sum(len(chunk.samples) for chunk in plan if store.has(chunk))
    show(Progress(done, total, resumed, 0.0))
    faults = []
    for chunk in plan:
        if store.has(chunk):
            continue
        try:
            store.write(chunk, task.run(chunk.samples, potential))
        except WorkerError as fault:
            log.warning("chunk %s did not run: %s", chunk.name, fault)
            faults.append(f"{chunk.name}: {str(fault).splitlines()[0]}")
            continue
        done += len(chunk.samples)
        show(Progress(done, total, resumed, time.monotonic() - clock))
    return faults


def _manifest(
    potential: Potential,
    task: Task,
    subset: Subset,
    records: Sequence[Record],
    threads: int,
    sessions: Sequence[dict[str, str | None]],
) -> Run:
    info = potential.info
    atoms = sum(record.atom_calls for record in records if record.status == "ok")
    seconds = sum(record.seconds for record in records if record.status == "ok")
    by_status = {status: sum(r.status == status for r in records) for status in ("ok", "failed", "unsupported")}
    return Run(
        entry=potential.name,
        card=potential.card.name,
        checkpoint_sha256=loaded_sha256(potential.card.checkpoint),
        task=task.name,
        protocol_version=task.protocol.version,
        protocol_sha256=protocol_sha256(task),
        dataset_sha256=task.dataset_sha256,
        subset=subset,
        device=info["device"],
        threads=threads,
        hardware=provenance.hardware(info["accelerator"]),
        python=info["python"],
        packages=provenance.packages(),
        model_packages=dict(sorted(info["packages"].items())),
        version=provenance.version(),
        commits=tuple(dict.fromkeys(session["commit"] for session in sessions)),
        started=str(sessions[0]["started"]),
        finished=provenance.now(),
        counts=Counts(total=len(records), **by_status),
        cost=Cost(
            force_calls=sum(record.force_calls for record in records),
            atom_calls=sum(record.atom_calls for record in records),
            seconds=seconds,
            microseconds_per_atom=seconds / atoms * 1e6 if atoms else None,
            peak_memory_gb=potential.memory_gb,
        ),
    )
