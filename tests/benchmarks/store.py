"""How fast records are stored, read again and scored: a store of chunks, and one task's scores over many records.

    python -m tests.benchmarks.store --records 1000000 --scored 257000

Prints JSON. Rates are records per second by the clock and by this process's CPU time: on a machine with other work the
first measures the machine. Appending makes one file per chunk of 256, each synced to the disk, as a run does.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

CHUNK = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--scored", type=int, default=257_000)
    given = parser.parse_args()
    print(json.dumps({**stored(given.records), **scored(given.scored)}, indent=1))


def stored(n: int) -> dict[str, Any]:
    """Rates of appending and merging records of a few numbers each."""
    from ase import Atoms

    from evaluation.harness.store import Store, chunks, write_records
    from evaluation.record import Record
    from evaluation.task import Sample

    records = [
        Record(
            sample=f"crystal-{index:07}",
            status="ok",
            outputs={"energy": -3.0 - index * 1e-6, "volume": 41.5, "converged": True},
            force_calls=29,
            atom_calls=300,
            seconds=0.1,
        )
        for index in range(n)
    ]
    nothing = Atoms()
    plan = chunks([Sample(id=record.sample, atoms=nothing, subset="full") for record in records], CHUNK)
    with (
        tempfile.TemporaryDirectory() as folder,
        Store(Path(folder), task="eos", entry="example@conservative", conditions={}) as store,
    ):
        write_records(Path(folder) / "first.parquet", records[:CHUNK])  # loads the libraries, which is not counted

        def append() -> None:
            for place, chunk in enumerate(plan):
                store.write(chunk, records[place * CHUNK : (place + 1) * CHUNK])

        def merge() -> None:
            whole = sorted(store.records(plan), key=lambda record: record.sample)
            write_records(Path(folder) / "whole.parquet", whole)

        return {
            "records": n,
            "append, records/s": _rate(append, n),
            "merge, records/s": _rate(merge, n),
            "files": len(plan),
        }


def scored(n: int) -> dict[str, Any]:
    """Time and memory of reading `n` relaxations and scoring them as discovery does, made of those of formation."""
    from evaluation import task as tasks
    from evaluation.harness.store import read_records, write_records
    from evaluation.metrics.discovery import discovery
    from evaluation.scoring import scores
    from leaderboard.ranking.collect import PUBLISHED

    relaxed = read_records(PUBLISHED / "formation" / "chgnet-0.3.0@conservative.parquet")
    real = [
        record.model_copy(update={"outputs": {**record.outputs, "e_hull_ref": 0.01 * (place % 5 - 1), "unique": True}})
        for place, record in enumerate(relaxed)
        if record.status == "ok" and record.outputs.get("e_form_ref") is not None
    ]
    task = tasks.load("discovery")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "many.parquet"
        write_records(
            path,
            [
                record.model_copy(update={"sample": f"{index:07}/{record.sample}"})
                for index, record in zip(range(n), cycle(real), strict=False)
            ],
        )

        def score() -> None:
            scores(task, task.table(read_records(path)))

        discovery(*(np.array([-0.1, 0.1]) for _ in range(3)))

        rate = _rate(score, n)
        size = path.stat().st_size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return {"scored": n, "read and scored, records/s": rate, "file, MB": size / 1e6, "peak memory, GB": peak}


def _rate(work: Callable[[], None], n: int) -> dict[str, float]:
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    return {"by the clock": n / (time.perf_counter() - clock), "by CPU time": n / (time.process_time() - cpu)}


if __name__ == "__main__":
    main()
