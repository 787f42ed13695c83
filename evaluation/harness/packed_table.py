"""Packed records as Parquet: the columns of all records, and one of whole numbers for each array that is packed.

    sample, status, error, outputs, force_calls, atom_calls, seconds    as in every file of records
    forces, …                  list<uint32>: 0, -1, 1, -2, … as 0, 1, 2, 3, …: null where a record has no such array
    metadata mlip_zoo_packing  JSON: the task, the packing's version, and what the numbers of each column are

The bytes of a number stand in streams of their own and most of the high ones are zero, which compress to nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evaluation.packing import Integers, Outputs, Packed, Packing, of_task

if TYPE_CHECKING:
    import pyarrow as pa

LARGEST = 1_000_000
"""Bytes of packed records, where the coarsest resolution of their packing reaches it."""

_PACKING = b"mlip_zoo_packing"
_LEVEL = 22
_PAGE = 1 << 28
"""Bytes: one page holds a column, so that one dictionary serves it."""


def write(path: Path, table: pa.Table, arrays: Sequence[dict[str, Integers]], *, task: str, packing: Packing) -> None:
    """Write records' table, whose outputs are what was not packed, with the arrays of each record."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    plain = table.column_names
    for name in packing.columns:
        table = table.append_column(name, _column([each.get(name) for each in arrays]))
    told = {"task": task, "version": packing.version, "columns": dict(packing.columns)}
    table = table.replace_schema_metadata({_PACKING: json.dumps(told, sort_keys=True, ensure_ascii=False)})
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=_LEVEL,
        use_dictionary=[
            name for name in plain if name != "outputs" and pa.types.is_string(table.schema.field(name).type)
        ],
        column_encoding={f"{name}.list.element": "BYTE_STREAM_SPLIT" for name in packing.columns},
        data_page_size=_PAGE,
        write_statistics=False,
    )


def outputs(table: pa.Table, stored: Sequence[Outputs]) -> list[Outputs]:
    """Outputs of a table's records, of which `stored` were read from JSON. Raises ValueError for an unknown packing."""
    told = (table.schema.metadata or {}).get(_PACKING)
    if told is None:
        return list(stored)
    said = json.loads(told)
    packing = of_task(str(said["task"]))
    if packing is None or said["version"] != packing.version:
        raise ValueError(
            f"its records are packed as {said['task']} {said['version']}, which this version of mlip-zoo does not "
            "read; a later one does"
        )
    columns = {name: table.column(name).combine_chunks() for name in packing.columns}
    found = []
    for row, rest in enumerate(stored):
        arrays = {name: _numbers(column[row].values) for name, column in columns.items() if column[row].is_valid}
        found.append(packing.unpack(Packed(rest, arrays)) if arrays else rest)
    return found


def _column(arrays: Sequence[Integers | None]) -> pa.Array:
    import pyarrow as pa

    lengths = np.array([0 if each is None else len(each) for each in arrays])
    joined = np.concatenate([each for each in arrays if each is not None] or [np.zeros(0, dtype=np.int64)])
    turned = np.where(joined < 0, -2 * joined - 1, 2 * joined)
    if turned.size and turned.max() >= 1 << 32:
        raise ValueError("a number is too large to be packed")
    offsets = pa.array(
        np.concatenate([[0], np.cumsum(lengths)]).astype("int32"),
        mask=np.array([each is None for each in arrays] + [False]),
    )
    return pa.ListArray.from_arrays(offsets, pa.array(turned.astype("uint32")))


def _numbers(values: pa.Array) -> Integers:
    turned = values.to_numpy().astype(np.int64)
    return np.asarray(np.where(turned % 2 == 1, -(turned + 1) // 2, turned // 2))
