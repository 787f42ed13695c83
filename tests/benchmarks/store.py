"""How fast records are stored, read again and scored: a store of chunks, and one task's scores over many records.

    python -m tests.benchmarks.store --records 1000000 --relaxations 257000

Prints JSON. Rates are records per second by the clock and by the process's CPU time: on a machine with other work the
first measures the machine. Records of the first kind have a few numbers each, as of relaxations that do not tell their
paths; those of the second are whole relaxations of the published results, as many as WBM has. Both are scored as
discovery does. Appending makes one file per chunk of 256, each synced to the disk, as a run does. Each step has a
process of its own, so that its peak of memory is its own; loading the libraries is not counted.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from evaluation.record import Record

CHUNK = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--relaxations", type=int, default=257_000)
    given = parser.parse_args()
    print(json.dumps(measure(given.records, given.relaxations), indent=1))


def measure(records: int, relaxations: int) -> dict[str, Any]:
    """All steps, on so many records of a few numbers and so many relaxations."""
    one_each = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name, ProcessPoolExecutor(1, one_each, max_tasks_per_child=1) as alone:

        def measured(step: Callable[..., dict[str, Any]], *about: object) -> dict[str, Any]:
            return alone.submit(step, *about).result()

        folder = Path(name)
        few, whole = folder / "few-numbers.parquet", folder / "relaxations.parquet"
        return {
            "records of a few numbers": {
                **measured(stored, records, folder / "runs", few),
                **measured(scored, few),
            },
            "relaxations": {"write": measured(written, relaxations, whole), **measured(scored, whole)},
        }


def stored(n: int, runs: Path, whole: Path) -> dict[str, Any]:
    """Appending records of a few numbers chunk by chunk, and merging them into the file `whole`."""
    from ase import Atoms

    from evaluation.harness.store import Store, chunks, write_records
    from evaluation.task import Sample

    records = list(_of_a_few_numbers(n))
    nothing = Atoms()
    plan = chunks([Sample(id=record.sample, atoms=nothing, subset="full") for record in records], CHUNK)
    write_records(whole, records[:CHUNK])  # loads the libraries
    with Store(runs, task="discovery", entry="example@conservative", conditions={}) as store:

        def append() -> None:
            for place, chunk in enumerate(plan):
                store.write(chunk, records[place * CHUNK : (place + 1) * CHUNK])

        def merge() -> None:
            write_records(whole, sorted(store.records(plan), key=lambda record: record.sample))

        return {"append": {**_measured(append, n), "files": len(plan)}, "merge": _measured(merge, n)}


def written(n: int, whole: Path) -> dict[str, Any]:
    """Writing one file of n relaxations."""
    from evaluation.harness.store import write_records

    records = list(_relaxations(n))
    write_records(whole, records[:1])  # loads the libraries
    return {**_measured(lambda: write_records(whole, records), n), "file, MB": whole.stat().st_size / 1e6}


def scored(path: Path) -> dict[str, Any]:
    """Reading a file of records and scoring them as discovery does."""
    import pyarrow.parquet as pq

    from evaluation import task as tasks
    from evaluation.harness.store import read_records
    from evaluation.metrics.discovery import discovery
    from evaluation.scoring import scores_of

    task = tasks.load("discovery")
    discovery(*(np.array([-0.1, 0.1]) for _ in range(3)))  # loads the libraries
    n = pq.read_metadata(path).num_rows
    records: list[Record] = []
    return {
        "read": _measured(lambda: records.extend(read_records(path)), n),
        "score": _measured(lambda: scores_of(task, records), n),
    }


def _of_a_few_numbers(n: int) -> Iterator[Record]:
    from evaluation.record import Record

    for index in range(n):
        yield Record(
            sample=f"crystal-{index:07}",
            status="ok",
            outputs={
                "numbers": [3, 8 + index % 3],
                "energies": [-9.5, -10.0 - index * 1e-7],
                "converged": True,
                "energies_are": "dft",
                "correction": 0.0,
                "elements": -4.0,
                "e_form_ref": -1.0,
                "e_hull_ref": 0.01 * (index % 5 - 1),
                "unique": True,
            },
            force_calls=2,
            atom_calls=4,
            seconds=0.1,
        )


def _relaxations(n: int) -> Iterator[Record]:
    """Those of formation, as often as it takes."""
    from evaluation.harness.store import read_records
    from leaderboard.ranking.collect import PUBLISHED

    relaxed = read_records(PUBLISHED / "formation" / "chgnet-0.3.0@conservative.parquet")
    real = [
        record.model_copy(update={"outputs": {**record.outputs, "e_hull_ref": 0.01 * (place % 5 - 1), "unique": True}})
        for place, record in enumerate(relaxed)
        if record.status == "ok" and record.outputs.get("e_form_ref") is not None
    ]
    for index, record in enumerate(islice(cycle(real), n)):
        yield record.model_copy(update={"sample": f"{index:07}/{record.sample}"})


def _measured(work: Callable[[], object], n: int) -> dict[str, float]:
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    seconds, cpu_seconds = time.perf_counter() - clock, time.process_time() - cpu
    return {
        "records": n,
        "seconds": seconds,
        "CPU seconds": cpu_seconds,
        "records/s": n / seconds,
        "records/CPU s": n / cpu_seconds,
        "peak memory of the process, GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
    }


if __name__ == "__main__":
    main()
