"""Store: the records of one run, in files that are written whole, so that a killed run loses nothing that it had.

    <runs>/<task>/<entry>/protocol-<hash>/
        conditions.json        what the records depend on; another set of conditions is another folder, and another hash
        sessions.json          when, by which commit: one entry per process that worked on all of it
        sessions/3-of-8-….json      the same of a process that worked on a shard
        records/fast-0003.parquet   one file per chunk, named by the chunk; by what it was made stands in it
        work/                  what a task keeps of samples that are not finished; may be deleted

A chunk is a fixed group of samples. Its file is either there, with every record of the chunk, or it is not: a sample
can be neither lost nor there twice, whenever the process is killed. Subsets share chunks, so a full run goes on where a
fast one ended; and so do shards, whatever their number.

A file that cannot be read, or one with other samples than its chunk's, is set aside (`.damaged-1` behind its name)
with a warning, and made anew.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import batched, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_args

from pydantic import ValidationError
from pydantic_core import from_json

from evaluation.errors import ProtocolMismatch, StoreError
from evaluation.garbage import collection_paused
from evaluation.harness import packed_table
from evaluation.harness.lock import shard_of_run, whole_run
from evaluation.harness.origin import Origin
from evaluation.ledger import ChunkCost
from evaluation.packing import Packed, of_task
from evaluation.record import Record, Status
from evaluation.subset import Subset
from evaluation.task import Sample
from zoo.console import plain
from zoo.files import json_text, read_ordinary, whole, write_text

if TYPE_CHECKING:
    import pyarrow as pa

DEFAULT_RUNS = Path("mlip-zoo-runs")
"""Where `mlip-zoo evaluate` keeps its runs, in the working directory."""

log = logging.getLogger(__name__)

_SESSIONS = "sessions.json"
_ORIGIN = b"mlip-zoo-origin"
_COST = b"mlip_zoo_cost"
"""Keys of a chunk's metadata."""
_LARGEST_JSON = 10_000_000
"""Bytes of a run's conditions or sessions; a session takes 150."""
_READ_AT_ONCE = 4096
"""Records whose texts are in memory beside what is read from them."""
_STATUSES = frozenset(get_args(Status))
_compact = json.JSONEncoder(sort_keys=True, allow_nan=False, separators=(",", ":")).encode
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True)
class Chunk:
    """Samples that run together and are stored together."""

    name: str
    samples: tuple[Sample, ...]

    @property
    def atoms(self) -> int:
        """Of all samples."""
        return sum(len(sample.atoms) for sample in self.samples)


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
    """One run's folder. Use it as a context manager: it is locked while open, for others or for others' `shard`."""

    def __init__(
        self, runs: Path, *, task: str, entry: str, conditions: dict[str, Any], shard: str | None = None
    ) -> None:
        self.conditions_sha256 = hashlib.sha256(json_text(conditions).encode()).hexdigest()
        self.folder = runs / task / entry / f"protocol-{self.conditions_sha256[:12]}"
        self.conditions = conditions
        self.shard = shard
        self._sound: dict[str, list[Record]] = {}
        """Records of chunks that this process has read, so that none is read twice."""
        self._open = contextlib.ExitStack()

    @classmethod
    def at(cls, folder: Path) -> Self:
        """The run in a folder, by its own conditions. Raises StoreError when they are not those it is named by."""
        path = folder / "conditions.json"
        conditions = read_json(path)
        if not isinstance(conditions, dict) or not {"task", "entry"} <= conditions.keys():
            raise StoreError(f"{path} cannot be read: it names no task and entry")
        store = cls(folder.parents[2], task=folder.parents[1].name, entry=folder.parent.name, conditions=conditions)
        if store.folder != folder:
            raise StoreError(f"{path} does not describe the records beside it: its hash is not in the folder's name")
        return store

    def __enter__(self) -> Self:
        with writing(self.folder):
            self._files.mkdir(parents=True, exist_ok=True)
            self._open.enter_context(shard_of_run(self.folder, self.shard) if self.shard else whole_run(self.folder))
        try:
            self._require_conditions()
        except BaseException:
            self._open.close()
            raise
        return self

    def _require_conditions(self) -> None:
        """Write the conditions where they are missing or damaged: the folder is named by their hash."""
        path = self.folder / "conditions.json"
        if path.exists():
            try:
                stored = read_json(path)
            except StoreError as error:
                _set_aside(path, str(error))
            else:
                if stored != json.loads(json_text(self.conditions)):
                    raise ProtocolMismatch(f"{path} does not describe this run; move the folder away and run again")
        if not path.exists():
            with writing(path):
                write_text(path, json_text(self.conditions))

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def begin_session(self, plan: Sequence[Chunk], *, started: str, commit: str | None) -> None:
        """Note that a process works on this run."""
        planned = Counter(sample.subset for chunk in plan for sample in chunk.samples)
        path = self.folder / _SESSIONS
        if self.shard:  # a file of its own: shards do not wait for each other
            path = self.folder / "sessions" / f"{self.shard}-{secrets.token_hex(6)}.json"
        try:
            before = _read_sessions(path)
        except StoreError as error:
            _set_aside(path, str(error))
            before = []
        sessions = [*before, Session(started, commit, dict(planned))]
        with writing(path):
            write_text(path, json_text([asdict(session) for session in sessions]))

    def sessions(self) -> list[Session]:
        """All processes that worked on this run, oldest first. Raises StoreError."""
        return read_sessions(self.folder)

    def has_sessions(self) -> bool:
        """Whether it is known who worked on this run."""
        try:
            return bool(self.sessions())
        except StoreError:
            return False

    def set_damaged_aside(self, plan: Sequence[Chunk]) -> None:
        """Rename the files that cannot be read or are of other samples than their chunk's, so that they run again."""
        for chunk in plan:
            if self._path(chunk).exists():
                try:
                    self._sound[chunk.name] = self._read(chunk)
                except StoreError as error:
                    _set_aside(self._path(chunk), str(error))

    @property
    def work(self) -> Path:
        """Folder for what a task keeps between two processes."""
        return self.folder / "work"

    @property
    def _files(self) -> Path:
        return self.folder / "records"

    def has(self, chunk: Chunk) -> bool:
        """Whether the chunk's records are stored."""
        return self._path(chunk).is_file()

    def write(
        self, chunk: Chunk, records: Sequence[Record], *, origin: Origin | None = None, cost: ChunkCost | None = None
    ) -> None:
        """Store a chunk's records, whole; by what they were made, and what they cost.

        Raises StoreError when they are not one for each sample, in order.
        """
        if [record.sample for record in records] != [sample.id for sample in chunk.samples]:
            raise StoreError(f"chunk {chunk.name}: the records are not one for each sample")
        with writing(self._path(chunk)):
            write_records(self._path(chunk), records, origin=origin, cost=cost)

    def origin(self, chunk: Chunk) -> Origin | None:
        """By what the stored chunk was made; None where an earlier version stored it. Raises StoreError."""
        return read_origin(self._path(chunk))

    def records(self, wanted: Sequence[Chunk]) -> list[Record]:
        """The stored records of these chunks, in order. Raises StoreError for a file of other samples."""
        stored = (chunk for chunk in wanted if self.has(chunk))
        return [record for chunk in stored for record in self._sound.get(chunk.name) or self._read(chunk)]

    def costs(self, wanted: Sequence[Chunk]) -> list[ChunkCost | None]:
        """What these chunks cost, one each; None for one that is not stored, or whose cost is unknown."""
        return [read_cost(self._path(chunk)) if self.has(chunk) else None for chunk in wanted]

    def _read(self, chunk: Chunk) -> list[Record]:
        path = self._path(chunk)
        records = read_records(path)
        asked, stored = [sample.id for sample in chunk.samples], [record.sample for record in records]
        if stored != asked:
            lacks, others = len(set(asked) - set(stored)), len(set(stored) - set(asked))
            raise StoreError(
                f"{path} has {len(stored)} records, and its chunk {len(asked)} samples: {lacks} of them are missing, "
                f"{others} records are of other samples, {len(stored) - len(set(stored))} repeat one"
            )
        return records

    def _path(self, chunk: Chunk) -> Path:
        return self._files / f"{chunk.name}.parquet"


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Around the writing of a run's file: an OSError becomes a StoreError that says what to do."""
    try:
        yield
    except OSError as error:
        advice = (
            "Make room on that disk"
            if error.errno in _FULL
            else "Make that folder writable, or name others with --runs and --results"
        )
        raise StoreError(
            f"{path} cannot be written: {error.strerror or error}. {advice}, and run the same command again: what was "
            "stored is whole, and the run continues there."
        ) from error


def _set_aside(path: Path, reason: str) -> None:
    """Rename a damaged file, so that nothing of it is lost and another takes its place."""
    aside = next(name for n in range(1, 10_000) if not (name := path.with_name(f"{path.name}.damaged-{n}")).exists())
    with writing(path):
        path.rename(aside)
    log.warning("%s; it is kept as %s and made anew", reason, aside.name)


def read_json(path: Path) -> object:
    """The data of a run's JSON file. Raises StoreError when it is missing, no ordinary file, or not JSON."""
    try:
        return json.loads(read_ordinary(path, limit=_LARGEST_JSON))
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{path} cannot be read: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """The first line of an error's text; an OSError's without the path, which stands before it."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return plain(text.strip().split("\n")[0][:300])


def write_records(
    path: Path, records: Sequence[Record], *, origin: Origin | None = None, cost: ChunkCost | None = None
) -> None:
    """Write records as Parquet, whole; by what they were made and what they cost is metadata of the file."""
    import pyarrow.parquet as pq

    table = _table(records)
    told = {key: each.model_dump_json() for key, each in ((_ORIGIN, origin), (_COST, cost)) if each is not None}
    if told:
        table = table.replace_schema_metadata(told)
    # a chunk that a loss of power takes runs again; a result's JSON is written after its records, into the same folder
    with whole(path, lasting=False) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def write_packed(path: Path, records: Sequence[Record], *, task: str) -> None:
    """Write the records of a result, packed where the task has a packing; `read_records` reads both kinds alike."""
    packing = of_task(task)
    if packing is None:
        write_records(path, records)
        return
    ok = [packing.pack(record.outputs) if record.status == "ok" else Packed(record.outputs, {}) for record in records]
    with whole(path) as temporary:
        for step in packing.steps:
            stored = [packing.coarsened(each, step) if each.arrays else each for each in ok]
            bare = [
                record.model_copy(update={"outputs": each.rest}) for record, each in zip(records, stored, strict=True)
            ]
            packed_table.write(temporary, _table(bare), [each.arrays for each in stored], task=task, packing=packing)
            if temporary.stat().st_size < packed_table.LARGEST:
                break


def read_records(path: Path) -> list[Record]:
    """Read records. Raises StoreError when the file is not one of ours."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    _require_file(path)
    try:
        # not pq.read_table, which imports pandas: a second and a half
        with pq.ParquetFile(path) as file, collection_paused():
            parts = (_records(pa.Table.from_batches([part])) for part in file.iter_batches(_READ_AT_ONCE))
            return [record for part in parts for record in part]
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(f"{path} cannot be read as records: {_reason(error)}") from error


def _records(stored: pa.Table) -> list[Record]:
    table = stored.select(_schema().names).cast(_schema())
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    columns["outputs"] = packed_table.outputs(stored, [from_json(text) for text in columns["outputs"]])
    rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    # validated one by one, JSON data are walked through in Python: ten times as long as reading them
    return [Record.model_construct(**row) if _valid(row) else Record.model_validate(row) for row in rows]


def read_origin(path: Path) -> Origin | None:
    """By what the records of a file were made; None where it does not say. Raises StoreError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    _require_file(path)
    try:
        stored = (pq.read_schema(path).metadata or {}).get(_ORIGIN)
        return Origin.model_validate_json(stored) if stored is not None else None
    except (pa.ArrowException, OSError, ValidationError) as error:
        raise StoreError(f"{path} does not say by what it was made: {_reason(error)}") from error


def read_cost(path: Path) -> ChunkCost | None:
    """What the records of a chunk cost; None where it does not say."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        _require_file(path)
        told = (pq.read_schema(path).metadata or {}).get(_COST)
        return None if told is None else ChunkCost.model_validate_json(told)
    except (pa.ArrowException, OSError, ValueError, StoreError):
        return None


def _valid(row: dict[str, Any]) -> bool:
    """Whether a row with outputs from JSON keeps all that Record asks for; what does not is left to Record to say."""
    return (
        type(row["sample"]) is str
        and row["status"] in _STATUSES
        and (row["error"] is None or type(row["error"]) is str)
        and type(row["outputs"]) is dict
        and type(row["force_calls"]) is int
        and type(row["atom_calls"]) is int
        and type(row["seconds"]) is float
        and min(row["force_calls"], row["atom_calls"]) >= 0
        and row["seconds"] >= 0
    )


def _require_file(path: Path) -> None:
    if not path.is_file():  # a pipe would be waited for
        raise StoreError(
            f"{path} cannot be read as records: {'it is no ordinary file' if path.exists() else 'it is missing'}"
        )


def _table(records: Sequence[Record]) -> pa.Table:
    import pyarrow as pa

    schema = _schema()
    columns = {name: [getattr(record, name) for record in records] for name in schema.names}
    columns["outputs"] = [_compact(outputs) for outputs in columns["outputs"]]
    return pa.Table.from_pydict(columns, schema=schema)


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


def read_statuses(path: Path) -> list[str]:
    """What became of each sample, without its outputs. Raises StoreError when the file is not one of ours."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    _require_file(path)
    try:
        with pq.ParquetFile(path) as file:
            return list(file.read(columns=["status"]).column("status").to_pylist())
    except (pa.ArrowException, OSError, KeyError) as error:
        raise StoreError(f"{path} cannot be read as records: {_reason(error)}") from error


def read_sessions(folder: Path) -> list[Session]:
    """All processes that worked on the run in this folder, oldest first. Raises StoreError when they cannot be read."""
    found = _read_sessions(folder / _SESSIONS)
    of_shards = [session for path in sorted((folder / "sessions").glob("*.json")) for session in _read_sessions(path)]
    return sorted([*found, *of_shards], key=lambda session: session.started) if of_shards else found


def _read_sessions(path: Path) -> list[Session]:
    if not path.exists():
        return []
    stored = read_json(path)
    if not isinstance(stored, list):
        raise StoreError(f"{path} cannot be read: it is no list of sessions")
    try:
        return [Session(**session) for session in stored]
    except TypeError as error:
        raise StoreError(f"{path} cannot be read: {_reason(error)}") from error


def find_runs(runs: Path) -> Iterator[Path]:
    """Folders of all runs below `runs`."""
    return (path for path in sorted(runs.glob("*/*/protocol-*")) if path.is_dir())
