"""Shards: how much a run's chunks take on the disk, which stay as they were written when its result is packed.

    python -m leaderboard.planning.shards    # measures it anew, with the published records unpacked; takes minutes

`shards.json` beside this file says what came out, for installations without records as well.
"""

from __future__ import annotations

import json
import tempfile
from functools import cache
from itertools import batched
from pathlib import Path
from statistics import median

from evaluation import task as tasks
from evaluation.harness.store import read_records, write_records
from leaderboard.ranking.collect import PUBLISHED
from zoo.files import write_json

FILE = Path(__file__).with_name("shards.json")


@cache
def bytes_per_sample() -> dict[str, float]:
    """Bytes of a run's chunks per sample by task, the median over the results that were published then."""
    found: dict[str, float] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def measured(records_path: Path, *, samples_per_chunk: int) -> float:
    """Bytes per sample of a result's records, stored in chunks as a run does. Raises StoreError."""
    records = read_records(records_path)
    with tempfile.TemporaryDirectory() as folder:
        for number, chunk in enumerate(batched(records, samples_per_chunk)):
            write_records(Path(folder) / f"{number}.parquet", chunk)
        return sum(path.stat().st_size for path in Path(folder).iterdir()) / len(records)


def main() -> None:
    """Measure all published results."""
    found = {}
    for name in tasks.names():
        size = tasks.load(name).protocol.samples_per_chunk
        known = [measured(path, samples_per_chunk=size) for path in sorted((PUBLISHED / name).glob("*.parquet"))]
        if known:
            found[name] = round(median(known))
    write_json(FILE, found)


if __name__ == "__main__":
    main()
