"""Store: the records of one run, in shards that are written whole, so that a killed run loses nothing that it had.

    <runs>/<task>/<entry>/protocol-<hash>/
        conditions.json        what the records depend on; another set of conditions is another folder
        sessions.json          when, by which commit: one entry per process that worked here
        records/fast-0003.parquet   one shard per chunk, named by the chunk
        work/                  what a task keeps of samples that are not finished; may be deleted

A chunk is a fixed group of samples. Its shard is either there, with every record of the chunk, or it is not: a sample
can be neither lost nor there twice, whenever the process is killed. Subsets share chunks, so a full run goes on where a
fast one ended.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import batched, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.errors import ProtocolMismatch, RunLocked, StoreError
from evaluation.record import Record
from evaluation.subset import Subset
from evaluation.task import Sample
from zoo.files import json_text, whole, write_text

if TYPE_CHECKING:
    import pyarrow as pa

DEFAULT_RUNS = Path("mlip-zoo-runs")
"""Where `mlip-zoo evaluate` keeps its runs, in the working directory."""

_SESSIONS = "sessions.json"


@dataclass(frozen=True)
class Chunk:
    """Samples that run together and are stored together."""

    name: str
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class Session:
    """A process that worked on a run."""

    started: str
    """UTC, ISO 8601."""
    commit: str | None
    planned: dict[Subset, int] = field(default_factory=dict)
    """Samples that it was to see stored, by the subset that brings them in (not cumulative)."""


def chunks(samples: Sequence[Sample], size: int) -> list[Chunk]:
    """Cut samples into chunks that never cross a subset's border, so that a larger subset only adds chunks."""
    return [
        Chunk(f"{subset}-{number:04d}", tuple(part))
        for subset, tier in groupby(samples, key=lambda sample: sample.subset)
        for number, part in enumerate(batched(tier, size))
    ]


class Store:
    """One run's folder. Use it as a context manager: it is locked while open."""

    def __init__(self, runs: Path, *, task: str, entry: str, conditions: dict[str, Any]) -> None:
        digest = hashlib.sha256(json_text(conditions).encode()).hexdigest()
        self.folder = runs / task / entry / f"protocol-{digest[:12]}"
        self.conditions = conditions
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Store:
        from filelock import FileLock, Timeout

        self._shards.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / "lock", timeout=0)
        try:
            self._open.enter_context(lock)
        except Timeout:
            raise RunLocked(
                f"another process is writing {self.folder}; wait for it, or give this run another folder with --runs"
            ) from None
        path = self.folder / "conditions.json"
        if not path.exists():
            write_text(path, json_text(self.conditions))
        elif json.loads(path.read_text(encoding="utf-8")) != json.loads(json_text(self.conditions)):
            raise ProtocolMismatch(f"{path} does not describe this run; move the folder away and run again")
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def begin_session(self, plan: Sequence[Chunk], *, started: str, commit: str | None) -> None:
        """Note that a process works on this run."""
        planned = Counter(sample.subset for chunk in plan for sample in chunk.samples)
        sessions = [*read_sessions(self.folder), Session(started, commit, dict(planned))]
        write_text(self.folder / _SESSIONS, json_text([asdict(session) for session in sessions]))

    def sessions(self) -> list[Session]:
        """All processes that worked on this run, oldest first."""
        return read_sessions(self.folder)

    @property
    def work(self) -> Path:
        """Folder for what a task keeps between two processes."""
        return self.folder / "work"

    @property
    def _shards(self) -> Path:
        return self.folder / "records"

    def has(self, chunk: Chunk) -> bool:
        """Whether the chunk's records are stored."""
        return self._path(chunk).is_file()

    def write(self, chunk: Chunk, records: Sequence[Record]) -> None:
        """Store a chunk's records, whole. Raises StoreError when they are not one for each sample, in order."""
        if [record.sample for record in records] != [sample.id for sample in chunk.samples]:
            raise StoreError(f"chunk {chunk.name}: the records are not one for each sample")
        write_records(self._path(chunk), records)

    def records(self, wanted: Sequence[Chunk]) -> list[Record]:
        """The stored records of these chunks, in order."""
        return [record for chunk in wanted if self.has(chunk) for record in read_records(self._path(chunk))]

    def _path(self, chunk: Chunk) -> Path:
        return self._shards / f"{chunk.name}.parquet"


def write_records(path: Path, records: Sequence[Record]) -> None:
    """Write records as Parquet, whole."""
    import pyarrow.parquet as pq

    table = _table(records)
    with whole(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_records(path: Path) -> list[Record]:
    """Read records. Raises StoreError when the file is not one of ours."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # not pq.read_table, which imports pandas: a second and a half
        with pq.ParquetFile(path) as file:
            rows = file.read().cast(_schema()).to_pylist()
        return [Record.model_validate({**row, "outputs": json.loads(row["outputs"])}) for row in rows]
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise StoreError(f"{path} cannot be read as records: {error}") from error


def _table(records: Sequence[Record]) -> pa.Table:
    import pyarrow as pa

    rows = [{**record.model_dump(), "outputs": _compact(record.outputs)} for record in records]
    return pa.Table.from_pylist(rows, schema=_schema())


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            ("sample", pa.string()),
            ("status", pa.string()),
            ("error", pa.string()),
            ("outputs", pa.string()),
            ("force_calls", pa.int64()),
            ("atom_calls", pa.int64()),
            ("seconds", pa.float64()),
        ]
    )


def _compact(outputs: dict[str, Any]) -> str:
    return json.dumps(outputs, sort_keys=True, allow_nan=False, separators=(",", ":"))


def read_statuses(path: Path) -> list[str]:
    """What became of each sample, without its outputs. Raises StoreError when the file is not one of ours."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            return list(file.read(columns=["status"]).column("status").to_pylist())
    except (pa.ArrowException, OSError, KeyError) as error:
        raise StoreError(f"{path} cannot be read as records: {error}") from error


def read_sessions(folder: Path) -> list[Session]:
    """All processes that worked on the run in this folder, oldest first."""
    path = folder / _SESSIONS
    if not path.exists():
        return []
    return [Session(**session) for session in json.loads(path.read_text(encoding="utf-8"))]


def find_runs(runs: Path) -> Iterator[Path]:
    """Folders of all runs below `runs`."""
    return (path.parent for path in sorted(runs.glob("*/*/protocol-*/conditions.json")))
