"""Rescore: the scores of stored records once more, by today's code. No model and no data set is needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evaluation import task as tasks
from evaluation.errors import ProtocolMismatch, StoreError
from evaluation.harness.store import read_records
from evaluation.metric import alike
from evaluation.protocol import protocol_sha256
from evaluation.result import Counts, Result, read_result
from evaluation.scoring import scores_of


@dataclass(frozen=True)
class Rescored:
    """A result before and after."""

    path: Path
    old: Result
    new: Result

    @property
    def moved(self) -> list[str]:
        """Metrics whose score is another one, by more than rounding; what came and what went."""
        names = sorted(self.old.scores.keys() | self.new.scores.keys())
        return [name for name in names if not alike(self.old.scores.get(name), self.new.scores.get(name))]

    @property
    def changed(self) -> bool:
        """Whether there is any such metric."""
        return bool(self.moved)

    def write(self) -> None:
        """Write the new scores over the old ones; the manifest stays, for nothing ran."""
        self.new.write(self.path.parent.parent)


def find_results(folder: Path, *, task: str | None = None) -> list[Path]:
    """Results in a folder of results, or in the `results` of a folder of runs, or those of one task.

    Raises StoreError when there are none, UnknownTask for a task that does not exist.
    """
    if task is not None:
        tasks.load(task)
    inner = folder / "results"
    root = inner if inner.is_dir() else folder
    found = sorted(root.glob(f"{task or '*'}/*.json"))
    if not found:
        raise StoreError(f"{root}: no results{f' of {task}' if task else ''} there; 'mlip-zoo evaluate' makes them")
    return found


def rescore(path: Path) -> Rescored:
    """Score the records beside a result again; nothing is written.

    Raises ProtocolMismatch when they were made by another protocol or reference than today's (such records have to be
    made anew), StoreError when one of the two files cannot be read.
    """
    try:
        old = read_result(path)
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read as a result: {error}; 'mlip-zoo evaluate' makes it anew") from error
    task = tasks.load(old.run.task)
    today = {"protocol": protocol_sha256(task.protocol), "dataset": task.dataset_sha256}
    then = {"protocol": old.run.protocol_sha256, "dataset": old.run.dataset_sha256}
    if other := [name for name in today if today[name] != then[name]]:
        raise ProtocolMismatch(
            f"{path}: made with another {' and '.join(other)} than today's; 'mlip-zoo evaluate {old.run.entry} --task "
            f"{old.run.task} --subset {old.run.subset}' runs it again"
        )
    beside = path.with_name(old.records_name)
    anew = f"'mlip-zoo evaluate {old.run.entry} --task {old.run.task} --subset {old.run.subset}'"
    if not beside.exists():
        raise StoreError(
            f"{beside} is missing; 'mlip-zoo records --from ORGANISATION/NAME' brings records of published results, "
            f"{anew} makes them anew"
        )
    records = read_records(beside)
    if Counts.of(records) != old.run.counts or len({record.sample for record in records}) != len(records):
        raise StoreError(f"{beside}: these are not the records that {path.name} counts; {anew} makes both anew")
    try:
        found = scores_of(task, records)
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{beside}: outputs: {error!r}") from error
    return Rescored(path=path, old=old, new=old.model_copy(update={"scores": found}))
