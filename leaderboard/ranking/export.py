"""Export: boards as flat tables, CSV, JSON and Parquet, for further analysis. Same boards, same bytes."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from leaderboard.ranking.board import Board, Place
from zoo.files import json_text

Cell = str | int | float | bool | None

_NONE = ""
"""How CSV says that there is no number."""


def flat(boards: Sequence[Board]) -> list[dict[str, Cell]]:
    """One flat row per place on a board. Names carry units where they are not the metric's own (`seconds`, …)."""
    return [_row(board, place) for board in boards for place in board.places]


def to_json(boards: Sequence[Board]) -> str:
    """The boards with their metrics' definitions."""
    tasks = {board.task.name: board.task for board in boards}
    metrics = {name: [metric.model_dump(mode="json") for metric in task.metrics] for name, task in tasks.items()}
    return json_text({"metrics": metrics, "rows": flat(boards)})


def to_csv(boards: Sequence[Board]) -> str:
    """The same rows as comma-separated text; columns of tasks that an entry did not run are empty."""
    return csv_of(flat(boards))


def csv_of(rows: Sequence[Mapping[str, Cell]]) -> str:
    """Rows as comma-separated text; what a row lacks is empty, as what has no number."""
    columns = _columns(rows)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval=_NONE, lineterminator="\n")
    writer.writeheader()
    writer.writerows({column: _csv_cell(value) for column, value in row.items()} for row in rows)
    return text.getvalue()


def parquet_of(rows: Sequence[Mapping[str, Cell]]) -> bytes:
    """Rows as Parquet; what a row lacks is null. A column without any value is of floats."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = {}
    for name in _columns(rows):
        values = [row.get(name) for row in rows]
        table[name] = pa.array(values, type=_type(values))
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.table(table), buffer, compression="zstd")
    return bytes(buffer.getvalue().to_pybytes())


def _type(values: Sequence[Cell]) -> str:
    kinds = {type(value) for value in values if value is not None}
    for kind, name in ((str, "string"), (float, "float64"), (bool, "bool"), (int, "int64")):
        if kind in kinds:
            return name
    return "float64"


def _columns(rows: Sequence[Mapping[str, Cell]]) -> list[str]:
    return list(dict.fromkeys(column for row in rows for column in row))


def _row(board: Board, place: Place) -> dict[str, Cell]:
    entry = place.entry
    run = entry.result.run
    row: dict[str, Cell] = {
        "task": run.task,
        "subset": run.subset,
        "rank": place.rank.place if place.rank else None,
        "rank_low": place.rank.low if place.rank else None,
        "rank_high": place.rank.high if place.rank else None,
        "unranked": place.unranked,
        "entry": run.entry,
        "card": run.card,
        "title": entry.card.title,
        "mode": str(entry.mode),
        "theory": entry.theory,
        "other_theory": entry.other_theory,
        "training_sets": " ".join(entry.card.training_sets),
        "parameters": entry.card.parameters,
        "claims_constrained": entry.claims_constrained,
        "rotation_claimed": entry.card.rotation,
        "forces_claimed": entry.mode.forces,
    }
    for metric in board.task.metrics:
        score = place.score(metric)
        row |= {
            metric.name: score.value,
            f"{metric.name}_low": score.low,
            f"{metric.name}_high": score.high,
            f"{metric.name}_n": score.n,
            f"{metric.name}_missing": score.n_missing,
            f"{metric.name}_unsupported": score.n_unsupported,
        }
    return row | {
        "samples": run.counts.total,
        "ok": run.counts.ok,
        "failed": run.counts.failed,
        "unsupported": run.counts.unsupported,
        "microseconds_per_atom": run.cost.microseconds_per_atom,
        "seconds": run.cost.seconds,
        "force_calls": run.cost.force_calls,
        "atom_calls": run.cost.atom_calls,
        "peak_memory_gb": run.cost.peak_memory_gb,
        "device": run.device,
        "threads": run.threads,
        "cpu": run.hardware.cpu,
        "accelerator": run.hardware.accelerator,
        "origin": entry.origin,
        "stale": " ".join(entry.stale),
        "unchecked": " ".join(entry.unchecked),
        "protocol_version": run.protocol_version,
        "checkpoint_sha256": run.checkpoint_sha256,
        "pinned_by": run.pinned_by or "card",
        "version": run.version,
        "commits": " ".join(commit for commit in run.commits if commit),
        "finished": run.finished,
    }


def _csv_cell(value: Cell) -> Cell:
    """A cell that a spreadsheet cannot take for a formula; a card's title is untrusted text."""
    if value is None:
        return _NONE
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t")):
        return "'" + value
    return value
