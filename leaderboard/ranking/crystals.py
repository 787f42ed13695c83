"""Crystals: the geometries behind a result that a page shows in 3D.

They are where a sample starts, where it should end, and where a model took it.
They ship as `leaderboard/scored` does, in two kinds of file: `leaderboard/crystals/<task>.json.gz` has what all models
share, and `leaderboard/crystals/<task>/<entry>.json.gz` the crystals that one of them relaxed, with the SHA-256 of the
result that they belong to. What is no part of our own records, or made from them, ships only where REFERENCES names its
data set: its licence lets us, and pages name it.

Coordinates are whole thousandths of an Ångström: enough to look at, too few to compute with.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from evaluation import task as tasks
from evaluation.protocol import protocol_sha256
from evaluation.record import Record
from zoo import files

if TYPE_CHECKING:
    from evaluation.task import Task
    from leaderboard.ranking.collect import Entry
    from zoo.batch import Array

FOLDER = Path(__file__).parents[1] / "crystals"
"""One file for each task, and one for each published result that has relaxed crystals."""

REFERENCES = {
    "formation": "wbm-972",
    "phonons": "phonondb103",
    "pressure": "alexandria-pressure",
    "relaxation": "phonondb103",
}
"""Task → the data set that its reference and starting geometries are of. All of them are CC-BY-4.0."""
_OWN_STARTS = frozenset({"phonons", "relaxation"})
"""Tasks with starts that their records do not hold: built by the task from the reference data."""

Geometry = Mapping[str, list[int]]
"""`numbers`, `cell` (nine, by rows) and `positions` (three an atom), thousandths of an Ångström."""
Geometries = Mapping[str, Geometry]
"""`reference`, `start` or `relaxed` → geometry. Where the start is the reference it is not repeated."""


def of_entry(entry: Entry) -> Mapping[str, Geometries]:
    """Sample → what the entry adds to `shared`: of a published result what ships, of another what its records hold."""
    if not entry.rows:
        return {}
    if entry.scored:
        return ships(entry.path)
    known = shared(entry.task)
    return {
        sample: {name: geometry for name, geometry in each.items() if name == "relaxed" or sample not in known}
        for sample, each in _own(entry.records).items()
    }


def shared(task: Task) -> Mapping[str, Geometries]:
    """Sample → the geometries that do not depend on a model; nothing where the protocol is another one than then."""
    found = _read(shared_path(task))
    return found["samples"] if found.get("protocol_sha256") == protocol_sha256(task.protocol) else {}


def shared_path(task: Task) -> Path:
    """Where they stand."""
    return FOLDER / f"{task.name}.json.gz"


def path_of(result: Path) -> Path:
    """Where the relaxed crystals of a published result stand."""
    return FOLDER / result.parent.name / f"{result.stem}.json.gz"


def write(result: Path, records: Iterable[Record]) -> None:
    """Write what ships of a published result, where its records hold crystals.

    Raises DatasetUnavailable where a start takes reference data that are away.
    """
    task, path = tasks.load(result.parent.name), path_of(result)
    own = _own(records)
    relaxed = {sample: {"relaxed": each["relaxed"]} for sample, each in own.items() if "relaxed" in each}
    if not relaxed:
        path.unlink(missing_ok=True)
        return
    _write(path, {"made_from": files.sha256(result), "samples": relaxed})
    if task.name in REFERENCES:
        _add(task, own)
    _read.cache_clear()


def _add(task: Task, own: Mapping[str, Geometries]) -> None:
    """Bring what a result's records hold of the references, and the starts of its samples, into what all share."""
    known = dict(shared(task))
    if task.name in _OWN_STARTS and not own.keys() <= known.keys():
        for sample in task.samples("full"):
            start = _geometry(sample.atoms.numbers, sample.atoms.cell.array, sample.atoms.positions)
            if start is not None:
                known[sample.id] = {**known.get(sample.id, {}), "start": start}
    canary = {sample.id for sample in task.samples("canary")}
    for name, each in own.items():
        if "reference" not in each:
            continue
        if name in canary:  # nobody has relaxed it: it has a start alone, which need not be where it should end
            known.setdefault(name, {"start": each["reference"]})
        else:
            known[name] = {**known.get(name, {}), "reference": each["reference"]}
    for name, both in known.items():
        if "reference" in both and both.get("start") == both["reference"]:
            known[name] = {"reference": both["reference"]}
    told = {"protocol_sha256": protocol_sha256(task.protocol), "samples": known}
    _write(shared_path(task), told)


def clear(kept: Iterable[Path]) -> None:
    """Remove what ships of other results than these."""
    for path in set(FOLDER.glob("*/*.json.gz")) - {path_of(result) for result in kept}:
        path.unlink()


def _own(records: Iterable[Record]) -> dict[str, dict[str, Geometry]]:
    """The geometries that records hold. A model that went astray may leave numbers that are none: it has no crystal."""
    found: dict[str, dict[str, Geometry]] = {}
    for record in records:
        outputs = cast("dict[str, Any]", record.outputs)
        for name, prefix in (("reference", "reference_"), ("relaxed", "")):
            if not {"numbers", f"{prefix}cell", f"{prefix}positions"} <= outputs.keys():
                continue
            geometry = _geometry(outputs["numbers"], outputs[f"{prefix}cell"], outputs[f"{prefix}positions"])
            if geometry is not None:
                found.setdefault(record.sample, {})[name] = geometry
    return found


_FARTHEST = 1e3
"""Å: a crystal that left this range is nothing to look at."""


def _geometry(numbers: object, cell: object, positions: object) -> Geometry | None:
    """Plain whole numbers; None where a coordinate is none, or is out of all range."""
    lattice, places = (np.asarray(each, dtype=float) for each in (cell, positions))
    if not all(np.isfinite(each).all() and (np.abs(each) < _FARTHEST).all() for each in (lattice, places)):
        return None
    return {
        "numbers": np.asarray(numbers, dtype=int).tolist(),
        "cell": _thousandths(lattice),
        "positions": _thousandths(places),
    }


def _thousandths(lengths: Array) -> list[int]:
    found: list[int] = np.rint(1000 * lengths).astype(int).ravel().tolist()
    return found


def ships(result: Path) -> Mapping[str, Geometries]:
    """Those that a published result was made with; nothing where the result has changed since."""
    found = _read(path_of(result))
    return found["samples"] if found and found.get("made_from") == files.sha256(result) else {}


@cache
def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, zlib.error, ValueError):  # none, or damaged: nothing to look at
        return {}
    return found


def _write(path: Path, told: Mapping[str, object]) -> None:
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    with files.whole(path) as temporary:
        temporary.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
