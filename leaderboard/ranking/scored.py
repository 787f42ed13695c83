"""Scored: the figures per sample of the published results, worked out once and shipped with them.

A board takes the figures per sample of every entry. Out of the records they take minutes (matching structures, finding
space groups), and reading the records alone takes ten seconds. `leaderboard/scored/<task>/<entry>.json.gz` holds them
with the SHA-256 of the result and of its records; where either has changed nothing of it is used, and the records are
scored as those of any other result. A test scores them all and compares.

    python -m leaderboard.ranking.score_published    # writes the files anew
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NewType, overload

from evaluation import task as tasks
from evaluation.protocol import protocol_sha256
from evaluation.record import Record
from evaluation.subset import Subset
from evaluation.task import Row, Task
from zoo import files

FOLDER = Path(__file__).parents[1] / "scored"
"""One file for each published result."""

Needs = NewType("Needs", str)
"""The name of a dataset without which something is unknown."""

_VERSION = 1
_ACCOUNT = ("sample", "status", "error", "force_calls", "atom_calls", "seconds")


class StoredRecords(Sequence[Record]):
    """Records that are read when somebody looks at one; what they cost is known before."""

    def __init__(self, told: Sequence[Sequence[Any]], read: Callable[[], Iterable[Record]]) -> None:
        self._told, self._source = told, read

    @property
    def samples(self) -> set[str]:
        return {account[0] for account in self._told}

    @cached_property
    def accounts(self) -> tuple[Record, ...]:
        """The same records without their outputs."""
        return tuple(Record(**dict(zip(_ACCOUNT, account, strict=True))) for account in self._told)

    def of(self, samples: frozenset[str]) -> StoredRecords:
        """Those of some samples."""
        told = [account for account in self._told if account[0] in samples]
        return StoredRecords(told, lambda: (record for record in self if record.sample in samples))

    @cached_property
    def _read(self) -> tuple[Record, ...]:
        return tuple(self._source())

    def __len__(self) -> int:
        return len(self._told)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | Sequence[Record]:
        return self._read[index]

    def __iter__(self) -> Iterator[Record]:
        return iter(self._read)


@dataclass(frozen=True)
class Scored:
    """What is known of a result without its records."""

    rows: tuple[Row, ...]
    """`Task.table` of the records; empty where it takes reference data."""
    needs: str | None
    """The dataset that this takes."""
    accounts: Sequence[Sequence[Any]]
    """The records but for their outputs, in their file's order."""


def account(record: Record) -> tuple[Any, ...]:
    """A record but for its outputs, as `Scored.accounts` has it."""
    return tuple(getattr(record, name) for name in _ACCOUNT)


def accounts(records: Sequence[Record]) -> Sequence[Record]:
    """Records for their costs and statuses alone: outputs may be missing."""
    return records.accounts if isinstance(records, StoredRecords) else records


def samples(records: Sequence[Record]) -> set[str]:
    """Names of the samples that they are of."""
    return records.samples if isinstance(records, StoredRecords) else {record.sample for record in records}


def of_samples(records: Sequence[Record], samples: frozenset[str]) -> Sequence[Record]:
    """The records of some samples."""
    if isinstance(records, StoredRecords):
        return records.of(samples)
    return tuple(record for record in records if record.sample in samples)


def path_of(result: Path) -> Path:
    """Where the figures of a result stand, `<task>/<entry>.json` in the folder of results."""
    return FOLDER / result.parent.name / f"{result.stem}.json.gz"


def read(result: Path, records: Path) -> Scored | None:
    """The figures of a published result; None where there are none for these two files as they are."""
    path = path_of(result)
    if not path.is_file() or not records.is_file():
        return None
    try:
        found = json.loads(gzip.decompress(path.read_bytes()))
        if found["made_from"] != _made_from(result, records):
            return None
        return Scored(
            needs=found["needs"],
            rows=tuple(dict(zip(found["columns"], row, strict=True)) for row in found["rows"]),
            accounts=found["accounts"],
        )
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError):  # damaged: the records are scored
        return None


def sample_names(task: Task, subset: Subset) -> frozenset[str] | Needs | None:
    """Names of a subset's samples, or the dataset that names them; None where the protocol is another one than then."""
    try:
        found = json.loads((FOLDER / "samples.json").read_bytes())[task.name]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if found["protocol_sha256"] != protocol_sha256(task.protocol):
        return None
    names = found["subsets"][subset]
    return Needs(names) if isinstance(names, str) else frozenset(names)


def write_sample_names(names: Mapping[str, Mapping[Subset, Collection[str] | Needs]]) -> Path:
    """Write the names of all subsets of these tasks."""
    told = {
        name: {
            "protocol_sha256": protocol_sha256(tasks.load(name).protocol),
            "subsets": {
                subset: known if isinstance(known, str) else sorted(known) for subset, known in subsets.items()
            },
        }
        for name, subsets in names.items()
    }
    path = FOLDER / "samples.json"
    files.write_json(path, told)
    return path


def write(
    result: Path, records_path: Path, *, rows: Sequence[Row], needs: str | None, records: Sequence[Record]
) -> Path:
    """Write the figures of a published result; the same input gives the same bytes."""
    columns = list(rows[0]) if rows else []
    if any(list(row) != columns for row in rows):
        raise ValueError(f"{result}: not all rows have the same columns")
    told = {
        "made_from": _made_from(result, records_path),
        "needs": needs,
        "columns": columns,
        "rows": [list(row.values()) for row in rows],
        "accounts": [list(account(record)) for record in records],
    }
    text = json.dumps(told, allow_nan=False, separators=(",", ":"))
    if json.loads(text) != told:
        raise ValueError(f"{result}: a figure is no plain value")
    path = path_of(result)
    with files.whole(path) as temporary:
        temporary.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    return path


def _made_from(result: Path, records: Path) -> dict[str, Any]:
    return {"version": _VERSION, "result": files.sha256(result), "records": files.sha256(records)}
