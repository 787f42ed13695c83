"""Convergence: what a task's scores do when one number of its protocol is tightened.

    python -m evaluation.studies.convergence chgnet-0.3.0 relaxation fmax 0.02 0.005 0.001 0.0001
    python -m evaluation.studies.convergence sevennet-0 kappa fast 2 4 6 8 10 --recorded leaderboard/results

Each value runs the subset anew, with the other numbers as the protocol has them. The table goes to
`leaderboard/results/convergence/<task>-<field>/<entry>.json`; a protocol's number is converged where the next one does
not move its headline. Nothing is kept of a run that was stopped: a value takes minutes. How many samples there are
changes no answer, so that with `--recorded` the records of a result at hand are scored anew, and no model runs.

A list counts as one number. Of strains and volume ratios it is the farthest from no strain, and all of them are scaled
with it; of other lists (rotations, crystals) it is how many of them, from the first on. More rotations than the
protocol has are those rotated by its first one, then by its second, …: each set is spread as evenly as its own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, cast

from evaluation import task as tasks
from evaluation.harness import provenance
from evaluation.harness.store import chunks, read_records
from evaluation.protocol import TaskProtocol, protocol_sha256
from evaluation.record import Record
from evaluation.result import read_result
from evaluation.scoring import scores_of
from evaluation.studies.convergence_data import NUMBERS_OF_SAMPLES, Convergence, Setting
from evaluation.subset import SUBSETS, Subset
from evaluation.task import Task
from zoo.batch import Computes
from zoo.cards import index
from zoo.checkpoints.model_files import loaded_sha256
from zoo.files import write_json

FOLDER = Path("leaderboard/results/convergence")


def with_number(task: Task, field: str, value: float) -> Task:
    """A task of the same kind whose protocol has another value of one number. Raises ValueError where it has none."""
    name, *rest = field.split(".")
    data = task.protocol.model_dump()
    inner = reduce(lambda found, key: found.get(key, {}), [name, *rest][:-1], data)
    if field.rsplit(".", 1)[-1] not in inner:
        raise ValueError(f"the protocol of {task.name} has no number {field!r}")
    leaf = field.rsplit(".", 1)[-1]
    inner[leaf] = _varied(inner[leaf], value)
    other = cast(Any, type(task))()
    other.protocol = type(task.protocol).model_validate(data)
    return cast(Task, other)


def number(protocol: TaskProtocol, field: str) -> float:
    """A number of a protocol by its name, `fmax` or `relaxation.fmax`."""
    found = reduce(getattr, field.split("."), cast(Any, protocol))
    if not isinstance(found, Sequence):
        return float(found)
    return _reach(found) if _are_strains(found) else float(len(found))


def _varied(old: object, value: float) -> object:
    """What stands in the protocol's place of `old`; whole numbers stay whole."""
    if not isinstance(old, Sequence):
        return int(value) if isinstance(old, int) else value
    if not _are_strains(old):
        return _first(old, int(value))
    origin = _origin(old)
    return tuple(origin + (number - origin) * value / _reach(old) for number in old)


def _first(old: Sequence[Any], n: int) -> tuple[Any, ...]:
    """The first `n`; of quaternions (w, x, y, z) also more of them. Raises ValueError where there are too few."""
    found = list(old)
    for turn in old if not isinstance(old[0], str) else ():
        if len(found) >= n:
            break
        found += [_product(turn, each) for each in old]
    if len(found) < n:
        raise ValueError(f"the protocol has {len(old)} of them, not {n}")
    return tuple(found[:n])


def _product(a: Sequence[float], b: Sequence[float]) -> tuple[float, ...]:
    """Of two quaternions: the rotation b, then a."""
    (w, *v), (x, *u) = a, b
    cross = (v[1] * u[2] - v[2] * u[1], v[2] * u[0] - v[0] * u[2], v[0] * u[1] - v[1] * u[0])
    scalar = w * x - sum(p * q for p, q in zip(v, u, strict=True))
    return scalar, *(w * u[i] + x * v[i] + cross[i] for i in range(3))


def _are_strains(found: Sequence[Any]) -> bool:
    return all(isinstance(number, float) for number in found)


def _origin(strains: Sequence[float]) -> float:
    """No strain: a strain of zero, a volume ratio of one."""
    return 1.0 if min(strains) > 0 else 0.0


def _reach(strains: Sequence[float]) -> float:
    return max(abs(number - _origin(strains)) for number in strains)


def run(task: Task, subset: Subset, potential: Computes) -> list[Record]:
    """Records of a subset, in chunks as the harness makes them."""
    plan = chunks(task.samples(subset), task.protocol.samples_per_chunk)
    return [record for chunk in plan for record in task.run(chunk.samples, potential)]


def recorded(task: Task, subset: Subset, records: Sequence[Record]) -> list[Record]:
    """Those of the task's samples. Raises ValueError where one has no record."""
    found = {record.sample: record for record in records}
    wanted = [sample.id for sample in task.samples(subset)]
    if missing := [name for name in wanted if name not in found]:
        raise ValueError(f"no record of {', '.join(missing)}; the result has other samples than {subset}")
    return [found[name] for name in wanted]


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("entry")
    parser.add_argument("task", choices=tasks.names())
    parser.add_argument("field")
    parser.add_argument("values", nargs="+", type=float)
    parser.add_argument("--subset", choices=SUBSETS, default="fast")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--recorded", type=Path, help="a folder of results; FIELD is a list of samples or their number")
    given = parser.parse_args()
    task = tasks.load(given.task)
    table = _of_records(task, given) if given.recorded else _of_runs(task, given)
    write_json(given.folder / f"{task.name}-{given.field}" / f"{table.entry}.json", table.model_dump(mode="json"))


def _of_runs(task: Task, given: argparse.Namespace) -> Convergence:
    import zoo

    with zoo.load(given.entry, device="cpu", threads=1) as potential:

        def answered(varied: Task) -> list[Record]:
            return run(varied, given.subset, potential)

        return _table(task, given, answered, entry=potential.name, weights=loaded_sha256(potential.card.checkpoint))


def _of_records(task: Task, given: argparse.Namespace) -> Convergence:
    if given.field not in NUMBERS_OF_SAMPLES:
        known = ", ".join(NUMBERS_OF_SAMPLES)
        raise SystemExit(f"records can be selected by {known} alone; another {given.field!r} is another run")
    card, mode = index.resolve(given.entry)
    entry = index.entry_name(card, mode)
    result = read_result(given.recorded / task.name / f"{entry}.json").run
    if result.protocol_sha256 != protocol_sha256(task.protocol):
        raise SystemExit(f"the result of {entry} is of an earlier protocol of {task.name}; run it anew")
    records = read_records(given.recorded / task.name / f"{entry}.parquet")

    def selected(varied: Task) -> list[Record]:
        return recorded(varied, given.subset, records)

    return _table(task, given, selected, entry=entry, weights=result.checkpoint_sha256)


def _table(
    task: Task, given: argparse.Namespace, answered: Callable[[Task], list[Record]], *, entry: str, weights: str
) -> Convergence:
    settings = []
    for value in given.values:
        varied = with_number(task, given.field, value)
        records = answered(varied)
        found = scores_of(varied, records)
        failed = sum(record.status == "failed" for record in records)
        settings.append(Setting(value=value, scores=found, failed=failed))
        sys.stderr.write(f"{given.field} = {value:g}: {found[task.metrics[0].name].value}\n")
    return Convergence(
        task=task.name,
        protocol_version=task.protocol.version,
        protocol_sha256=protocol_sha256(task.protocol),
        entry=entry,
        checkpoint_sha256=weights,
        subset=given.subset,
        field=given.field,
        published=number(task.protocol, given.field),
        settings=tuple(settings),
        version=provenance.version(),
        commit=provenance.commit(),
        finished=provenance.now(),
    )


if __name__ == "__main__":
    main()
