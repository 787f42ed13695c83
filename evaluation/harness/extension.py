"""Extension: a result of an earlier version of a protocol, whose records a later version only adds to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from evaluation.errors import ProtocolMismatch, StoreError
from evaluation.harness.store import read_records
from evaluation.protocol import protocol_sha256, read_protocol
from evaluation.record import Record
from evaluation.result import Counts, Extended, Result, read_result
from evaluation.task import Extends, Task


@dataclass(frozen=True)
class Earlier:
    """An earlier result and its records."""

    result: Result
    records: Mapping[str, Record]
    """By sample."""
    pinned: frozenset[NormalizedName]
    """The packages that the family's adapter pins. Others (of plots, of clusters) may have changed."""

    @property
    def about(self) -> Extended:
        """What the manifest of the later result says of it."""
        run = self.result.run
        return Extended(
            protocol_version=run.protocol_version,
            protocol_sha256=run.protocol_sha256,
            commits=run.commits,
            finished=run.finished,
        )

    def require(self, conditions: Mapping[str, Any]) -> None:
        """Raise ProtocolMismatch where the records were made under other conditions than `conditions`."""
        run = self.result.run
        then = {**run.model_dump(mode="json"), "accelerator": run.hardware.accelerator}
        names = ("checkpoint_sha256", "dataset_sha256", "device", "accelerator", "threads")
        other = [name for name in names if then[name] != conditions[name]]
        versions = [
            {canonicalize_name(name): version for name, version in packages.items()}
            for packages in (run.model_packages, conditions["model_packages"])
        ]
        other += sorted(name for name in self.pinned if versions[0].get(name) != versions[1].get(name))
        if other:
            raise ProtocolMismatch(
                f"{run.task}/{run.entry}: its records cannot be added to, they were made with another "
                f"{' and another '.join(other)}; without --extend all of it runs anew"
            )


def earlier(folder: Path, task: Task, entry: str, *, pinned: Sequence[str]) -> Earlier:
    """The result of `entry` in a folder of results, for a task that adds to its records.

    pinned: the requirements of the model's environment, `name==version`.

    Raises StoreError when there is none or it cannot be read, and ProtocolMismatch when the task's protocol does more
    than add to the one that it was made by.
    """
    path = folder / task.name / f"{entry}.json"
    if not path.exists():
        raise StoreError(f"{path}: there is no such result to extend; without --extend all of it runs")
    try:
        result = read_result(path)
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read as a result: {error}") from error
    _require_addition(path, task, result)
    beside = path.with_name(result.records_name)
    records = read_records(beside)
    if Counts.of(records) != result.run.counts:
        raise StoreError(f"{beside}: these are not the records that {path.name} counts")
    names = frozenset(canonicalize_name(Requirement(text).name) for text in pinned)
    return Earlier(result, {record.sample: record for record in records}, names)


def _require_addition(path: Path, task: Task, result: Result) -> None:
    version, now = result.run.protocol_version, task.protocol.version
    if not isinstance(task, Extends) or version >= now:
        raise ProtocolMismatch(
            f"{path} is of version {version} of the protocol; version {now} of {task.name} adds nothing to such records"
        )
    older = read_protocol(task.name, type(task.protocol), version=version)
    if protocol_sha256(older) != result.run.protocol_sha256:
        raise ProtocolMismatch(f"{path} was not made by version {version} of {task.name} as it is here")
    before = older.model_dump(exclude_none=True, exclude={"version"})
    after = task.protocol.model_dump(exclude_none=True)
    if changed := [name for name, number in before.items() if after.get(name) != number]:
        raise ProtocolMismatch(
            f"version {now} of {task.name} changes {', '.join(changed)}: records of version {version} cannot be kept"
        )
