"""Chunks: how much a run's chunks take on the disk, which stay as they were written when its result is packed.

    python -m leaderboard.planning.chunks    # measures it anew, with the published records unpacked; takes minutes

`chunks.json` beside this file says what came out, for installations without records as well.
"""

from __future__ import annotations

import json
import tempfile
from functools import cache
from itertools import batched
from pathlib import Path

from evaluation import task as tasks
from evaluation.harness.store import read_records, write_records
from leaderboard.ranking.collect import PUBLISHED
from zoo.files import write_json

FILE = Path(__file__).with_name("chunks.json")


@cache
def bytes_per_sample() -> dict[str, float]:
    """Bytes of a run's chunks per answered sample by task, over all results that were published then."""
    found: dict[str, float] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def measured(records_path: Path, *, samples_per_chunk: int) -> tuple[int, int]:
    """Bytes of a result's records in chunks as a run stores them, and answered samples. Raises StoreError."""
    records = read_records(records_path)
    with tempfile.TemporaryDirectory() as folder:
        for number, chunk in enumerate(batched(records, samples_per_chunk)):
            write_records(Path(folder) / f"{number}.parquet", chunk)
        stored = sum(path.stat().st_size for path in Path(folder).iterdir())
    return stored, sum(record.status == "ok" for record in records)


def main() -> None:
    """Measure all published results."""
    found = {}
    for name in tasks.names():
        size = tasks.load(name).protocol.samples_per_chunk
        known = [measured(path, samples_per_chunk=size) for path in sorted((PUBLISHED / name).glob("*.parquet"))]
        stored, answered = (sum(column) for column in zip(*known, strict=True)) if known else (0, 0)
        if answered:
            found[name] = round(stored / answered)
    write_json(FILE, found)


if __name__ == "__main__":
    main()
