"""Scored: the figures per sample of the published results and what is drawn of them, worked out once and shipped.

A board takes the figures per sample of every entry, and a page its pictures. Out of the records they take minutes
(matching structures, finding space groups) and reference data, and reading the records alone takes ten seconds.
`leaderboard/scored/<task>/<entry>.json.xz` holds them with the SHA-256 of the result and of its records; where either
has changed nothing of it is used, and the records are scored as those of any other result. An installation without the
records (a wheel) has these files alone. A test scores all records and compares.

    python -m leaderboard.ranking.score_published    # writes the files anew; it takes the reference data

The first line of a file has figures and accounts, column by column, the second the pictures, which a board does not
read. Columns and xz take three quarters of the bytes that rows and gzip take, and every wheel carries them. Columns
that several results of a task have in common, those of the reference above all, stand once, in `scored/<task>.json.xz`.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, overload

from evaluation import task as tasks
from evaluation.protocol import protocol_sha256
from evaluation.record import Record
from evaluation.subset import SUBSETS, Subset, up_to
from evaluation.task import Row, Task
from leaderboard.ranking import common_columns, drawn
from leaderboard.ranking.common_columns import Columns
from leaderboard.views.base import Panel
from zoo import files

FOLDER = Path(__file__).parents[1] / "scored"
"""One file for each published result."""

_VERSION = 4
_DIGITS = 8
"""Significant digits of figures: a hundredth of what two platforms may differ by (`metric.ROUNDING`), and half the
bytes."""
_SUFFIX = ".json.xz"
_SAMPLES = f"samples{_SUFFIX}"
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
        """The same records without their outputs; they were checked when they were written."""
        return tuple(
            Record.model_construct(**dict(zip(_ACCOUNT, account, strict=True)), outputs={}) for account in self._told
        )

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
    """`Task.table` of the records; empty where they were made under an earlier protocol."""
    accounts: Sequence[Sequence[Any]]
    """The records but for their outputs, in their file's order."""
    pictures: str = '{"specs":[],"panels":[]}'
    """`leaderboard.ranking.drawn` of its panels, brief JSON."""
    common: Columns = field(default_factory=dict, repr=False)
    """The columns that the pictures name."""

    @cached_property
    def panels(self) -> tuple[Panel, ...]:
        """What a page draws of the samples."""
        return drawn.panels(common_columns.whole(json.loads(self.pictures), self.common))


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
    return FOLDER / result.parent.name / f"{result.stem}{_SUFFIX}"


def read(result: Path, records: Path) -> Scored | None:
    """The figures of a published result; None where there are none for these two files as they are.

    Where the records are missing, the result alone has to be the one that they were made from.
    """
    path = path_of(result)
    if not path.is_file():
        return None
    try:
        head, _, pictures = unpack(path).partition("\n")
        found = json.loads(head)
        made_from = found["made_from"]
        if made_from != _made_from(result, records if records.is_file() else made_from["records"]):
            return None
        columns = common(path.parent)
        found = common_columns.whole(found, columns)
        return Scored(
            rows=tuple(dict(zip(found["rows"], row, strict=True)) for row in _turned(found["rows"].values())),
            accounts=_turned(found["accounts"]),
            pictures=pictures,
            common=columns,
        )
    except (OSError, EOFError, lzma.LZMAError, ValueError, KeyError, TypeError):  # damaged: the records are scored
        return None


def records_sha256(result: Path) -> str | None:
    """The hash of the records that a published result was made from; None where this is no published result."""
    try:
        made_from = json.loads(unpack(path_of(result)).partition("\n")[0])["made_from"]
        known: str = made_from["records"]
        return known if made_from["result"] == files.sha256(result) else None
    except (OSError, EOFError, lzma.LZMAError, ValueError, KeyError, TypeError):
        return None


def sample_names(task: Task, subset: Subset) -> frozenset[str] | None:
    """Names of a subset's samples; None where they are unknown, or the protocol is another one than then."""
    found = _samples(FOLDER).get(task.name)
    if found is None or found["protocol_sha256"] != protocol_sha256(task.protocol):
        return None
    return frozenset(name for each in up_to(subset) for name in found["adds"][each])


@cache
def _samples(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(unpack(folder / _SAMPLES))
    except (OSError, EOFError, lzma.LZMAError, ValueError):
        return {}
    return found


def write_sample_names(names: Mapping[str, Mapping[Subset, frozenset[str]]], *, beside: bool = False) -> Path:
    """Write the names of all subsets of these tasks, alone or beside those of others that are there.

    Subsets are nested, and each is stored by what it adds.
    """
    told = (dict(_samples(FOLDER)) if beside else {}) | {
        name: {
            "protocol_sha256": protocol_sha256(tasks.load(name).protocol),
            "adds": {
                subset: sorted(subsets[subset].difference(*(subsets[each] for each in up_to(subset)[:-1])))
                for subset in SUBSETS
            },
        }
        for name, subsets in sorted(names.items())
    }
    path = FOLDER / _SAMPLES
    _write(path, json.dumps(dict(sorted(told.items())), separators=(",", ":")))
    _samples.cache_clear()
    return path


def write(
    result: Path, records_path: Path, *, rows: Sequence[Row], records: Sequence[Record], panels: Sequence[Panel]
) -> Path:
    """Write the figures of a published result; the same input gives the same bytes."""
    columns = list(rows[0]) if rows else []
    if any(list(row) != columns for row in rows):
        raise ValueError(f"{result}: not all rows have the same columns")
    told = {
        "made_from": _made_from(result, records_path),
        "rows": {column: [_brief(row[column]) for row in rows] for column in columns},
        "accounts": _turned(map(_brief, account(record)) for record in records),
    }
    pictures = drawn.plain(panels)
    text = _told(told, pictures)
    found, found_pictures = _parts(text)
    if found != told or drawn.panels(found_pictures) != tuple(panels):
        raise ValueError(f"{result}: a figure is no plain value")
    path = path_of(result)
    _write(path, text)
    return path


def share_columns() -> None:
    """Store what the figures of several results of a task have in common once; the files that it changes are written.

    A column stays until no file names it, so that the files can be read at any time.
    """
    for folder in sorted({path.parent for path in everywhere()}):
        before = common(folder)
        texts = {path: unpack(path) for path in sorted(folder.glob(f"*{_SUFFIX}"))}
        lines = {path: common_columns.whole(_parts(text), before) for path, text in texts.items()}
        after = common_columns.several(lines.values())
        _write_common(folder, {**before, **after})
        for path, whole in lines.items():
            told = _told(*common_columns.brief(whole, after))
            if told != texts[path]:
                _write(path, told)
        _write_common(folder, after)


def parts(path: Path) -> list[Any]:
    """Both lines of a result's file, whole. Raises as `unpack` does, and KeyError for a column that no file has."""
    found: list[Any] = common_columns.whole(_parts(unpack(path)), common(path.parent))
    return found


def _parts(text: str) -> list[Any]:
    return [json.loads(line) for line in text.split("\n")]


def _told(*lines: object) -> str:
    return "\n".join(json.dumps(line, allow_nan=False, separators=(",", ":")) for line in lines)


def common(folder: Path) -> Columns:
    """The columns that results of a task have in common."""
    path = _common_path(folder)
    return _common_of(path, path.stat().st_mtime_ns) if path.is_file() else {}


@cache
def _common_of(path: Path, _written: int) -> Columns:
    found: Columns = json.loads(unpack(path))
    return found


def _write_common(folder: Path, columns: Columns) -> None:
    if columns != common(folder):
        _write(_common_path(folder), json.dumps(dict(sorted(columns.items())), separators=(",", ":")))


def _common_path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}{_SUFFIX}")


def _brief(value: object) -> object:
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def _write(path: Path, text: str) -> None:
    with files.whole(path) as temporary:
        temporary.write_bytes(lzma.compress(text.encode()))


def unpack(path: Path) -> str:
    """What such a file holds. Raises OSError, EOFError, lzma.LZMAError and UnicodeDecodeError."""
    return lzma.decompress(path.read_bytes()).decode()


def everywhere() -> set[Path]:
    """The files of all published results."""
    return set(FOLDER.glob(f"*/*{_SUFFIX}"))


def _turned(table: Iterable[Iterable[Any]]) -> list[list[Any]]:
    """Rows of columns, or columns of rows."""
    return [list(line) for line in zip(*table, strict=True)]


def _made_from(result: Path, records: Path | str) -> dict[str, Any]:
    """`records`: their file, or its SHA-256."""
    of_records = records if isinstance(records, str) else files.sha256(records)
    return {"version": _VERSION, "result": files.sha256(result), "records": of_records}
