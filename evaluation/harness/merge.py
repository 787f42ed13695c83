"""Merge: the one place where shards become a result. No model runs; what was made under other conditions is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evaluation.errors import EvaluationFault, ProtocolMismatch, StoreError
from evaluation.harness.manifest import manifest
from evaluation.harness.origin import Origin, require_alike
from evaluation.harness.run import publish
from evaluation.harness.store import Store, chunks
from evaluation.ledger import Ledger
from evaluation.protocol import protocol_sha256
from evaluation.result import Result
from evaluation.subset import Subset
from evaluation.task import Task


def merge(folder: Path, *, task: Task, subset: Subset, results: Path, other_commits: bool = False) -> Result:
    """Score the stored chunks of a run's folder; same chunks, same bytes.

    Raises EvaluationFault when chunks are missing, ProtocolMismatch when the run's conditions are not today's or the
    chunks were not made by one code (`other_commits`: by whichever commits), StoreError, RunLocked.
    """
    with Store.at(folder) as store:
        _require_todays(store, task)
        plan = chunks(task.samples(subset), task.protocol.samples_per_chunk)
        store.set_damaged_aside(plan)
        missing = [chunk.name for chunk in plan if not store.has(chunk)]
        if missing:
            raise EvaluationFault(
                f"{folder}: {len(missing)} of {len(plan)} chunks are missing ({_some(missing)}); run their shards again"
            )
        found = {chunk.name: store.origin(chunk) for chunk in plan}
        origins = {name: origin for name, origin in found.items() if origin is not None}
        if unknown := [name for name in found if name not in origins]:
            raise StoreError(
                f"{folder}: {_some(unknown)}: stored by a version that did not write by what; 'mlip-zoo evaluate' "
                "without shards, where the model runs, makes the result"
            )
        require_alike({"of the folder": _named_by(store, origins), **origins}, other_commits=other_commits)
        records, ledger = store.records(plan), Ledger.of(store.costs(plan))
    in_time = sorted(origins.values(), key=lambda origin: origin.started)
    machines = list(dict.fromkeys(origin.hardware.model_dump_json() for origin in in_time))
    peaks = [origin.peak_memory_gb for origin in in_time if origin.peak_memory_gb is not None]
    about = manifest(
        store.conditions,
        in_time[0].model_copy(update={"peak_memory_gb": max(peaks, default=None)}),
        records,
        ledger=ledger,
        task=task,
        subset=subset,
        commits=[origin.commit for origin in in_time],
        started=in_time[0].started,
        finished=max(origin.stored for origin in in_time),
        other_hardware=[type(in_time[0].hardware).model_validate_json(text) for text in machines[1:]],
    )
    return publish(task, about, records, results=results)


def find(runs: Path, *, task: Task, entry: str, subset: Subset) -> Path:
    """The folder of an entry's run that has all chunks of the subset, under today's protocol and data set.

    Raises EvaluationFault where none has, and says what is missing; ProtocolMismatch where several have.
    """
    wanted = [chunk.name for chunk in chunks(task.samples(subset), task.protocol.samples_per_chunk)]
    folders = [store.folder for store in _stores(runs / task.name / entry) if not _other(store, task)]
    there = {folder: sum((folder / "records" / f"{name}.parquet").is_file() for name in wanted) for folder in folders}
    complete = [folder for folder, n in there.items() if n == len(wanted)]
    if len(complete) == 1:
        return complete[0]
    if complete:
        raise ProtocolMismatch(
            f"{entry} on {task.name}: {len(complete)} runs are complete; they differ in {differences(complete)}. Name "
            f"one with --folder: {', '.join(map(str, complete))}"
        )
    if not any(there.values()):
        raise EvaluationFault(
            f"{runs / task.name / entry}: nothing is stored there under today's protocol; 'mlip-zoo evaluate {entry} "
            f"--task {task.name} --subset {subset} --shard I/N' runs a shard"
        )
    told = "; ".join(f"{folder}: {n} of {len(wanted)} chunks" for folder, n in there.items())
    parts = [folder for folder, n in there.items() if n]
    differ = f". Shards ran under different conditions: {differences(parts)}" if len(parts) > 1 else ""
    raise EvaluationFault(f"{entry} on {task.name} is not complete: {told}{differ}")


def differences(folders: list[Path]) -> str:
    """`device (cpu, cuda)`: the conditions in which runs differ."""
    conditions = [Store.at(folder).conditions for folder in folders]
    names = sorted({name for each in conditions for name in each})
    told = [_different(name, conditions) for name in names]
    return "; ".join(text for text in told if text)


def _different(name: str, conditions: list[dict[str, Any]]) -> str | None:
    values = list(dict.fromkeys(json.dumps(each.get(name), sort_keys=True) for each in conditions))
    if len(values) == 1:
        return None
    if name == "model_packages":
        packages = sorted({package for each in conditions for package in each[name]})
        return "; ".join(filter(None, (_different(one, [each[name] for each in conditions]) for one in packages)))
    return f"{name} ({', '.join(values)})"


def _stores(folder: Path) -> list[Store]:
    return [Store.at(path) for path in sorted(folder.glob("protocol-*")) if (path / "conditions.json").is_file()]


def _other(store: Store, task: Task) -> list[str]:
    today = {"protocol_sha256": protocol_sha256(task.protocol), "dataset_sha256": task.dataset_sha256}
    return [name for name, value in today.items() if store.conditions.get(name) != value]


def _require_todays(store: Store, task: Task) -> None:
    if store.conditions["task"] != task.name:
        raise ProtocolMismatch(f"{store.folder} is a run of {store.conditions['task']}, not of {task.name}")
    if other := _other(store, task):
        raise ProtocolMismatch(f"{store.folder}: made with another {' and '.join(other)} than today's; run it again")


def _named_by(store: Store, origins: Mapping[str, Origin]) -> Origin:
    """An origin like the first, but of the folder's conditions: a file that was copied from another run differs."""
    first = next(iter(origins.values()))
    return first.model_copy(update={"conditions_sha256": store.conditions_sha256})


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
