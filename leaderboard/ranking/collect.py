"""Collect: results and their records from folders, each checked before anything is shown.

A result is shown when its file can be read, its card exists, its records lie beside it, and its scores follow from
them; of published results, as long as no byte of them has changed, the tests have checked that
(`leaderboard.ranking.scored`). Its costs are those of the records, but for the memory. What was made under another
protocol, dataset or checkpoint than today's is *stale*: shown, never ranked.

Nothing is downloaded. Where a check needs reference data that are not on this machine the result stands as it was
published, and the entry says which checks were not made (`Entry.unchecked`).
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from evaluation import task as tasks
from evaluation.errors import DatasetUnavailable, EvaluationError
from evaluation.metric import Score, alike
from evaluation.protocol import protocol_sha256
from evaluation.record import Record
from evaluation.reference import dataset
from evaluation.result import Cost, Counts, Result, read_result
from evaluation.scoring import scores
from evaluation.subset import Subset
from evaluation.task import Row, Task
from leaderboard import views
from leaderboard.errors import NoResults, ResultFault
from leaderboard.ranking import scored
from leaderboard.ranking.scored import Scored, StoredRecords
from leaderboard.views.base import Panel
from zoo.cards import index
from zoo.cards.card import Card
from zoo.cards.mode import Mode
from zoo.errors import ZooError
from zoo.files import json_text

PUBLISHED = Path(__file__).parents[1] / "results"
"""Results that ship with this package."""

Verification = Literal["samples", "scores"]
"""`samples`: that the records are those of the subset's samples. `scores`: that the scores follow from the records."""


@dataclass(frozen=True, eq=False)
class Entry:
    """A checkpoint in a mode on a task: what was measured, and everything that was checked against it.

    Equal to itself alone, so that what is worked out of some entries is worked out once (`leaderboard.ranking.board`).
    """

    result: Result
    card: Card
    mode: Mode
    task: Task
    path: Path
    """The result's file."""
    records: Sequence[Record]
    rows: tuple[Row, ...]
    """`Task.table` of the records; empty where they were made under another protocol or dataset, or where the figures
    need reference data that are not here."""
    stale: tuple[str, ...]
    """What differs from today: `protocol`, `dataset`, `checkpoint`."""
    unchecked: tuple[Verification, ...] = ()
    """What was taken from the file as it stands, for want of `lacks`."""
    lacks: str | None = None
    """The dataset that is not on this machine."""
    part_of: Entry | None = None
    """The entry as it ran, on a larger subset, where this is its part on a smaller one (`restricted_to`)."""
    scored: Scored | None = None
    """What ships of a published result."""

    @cached_property
    def panels(self) -> tuple[Panel, ...]:
        """What a page draws of the samples; nothing where there are no rows."""
        view = views.view(self.task.name)
        if view is None or not self.rows:
            return ()
        return self.scored.panels if self.scored else tuple(view.panels(self.records, self.rows))

    @property
    def name(self) -> str:
        return self.result.run.entry

    @property
    def published(self) -> bool:
        return is_published(self.path)

    @property
    def origin(self) -> str:
        return "published" if self.published else "local"

    @property
    def records_path(self) -> Path:
        return self.path.with_name(self.result.records_name)

    @property
    def has_records(self) -> bool:
        """Whether its records are on this machine: a wheel has those of no published result."""
        return self.records_path.is_file()

    @property
    def claims_constrained(self) -> bool | None:
        """Whether, by its card, rotation is exact and this mode's forces are a gradient. Nothing here measures it.

        None where the card says nothing about rotation, and the forces leave it open.
        """
        if self.mode.forces != "conservative":
            return False
        return None if self.card.rotation is None else self.card.rotation == "exact"

    @property
    def demonstration(self) -> bool:
        """Whether this project trained the model itself, to show what an unconstrained one does: it has no rank."""
        return self.card.demonstration

    @property
    def theory(self) -> str:
        """Level of theory that this mode's numbers stand for."""
        return self.card.theory(self.mode.fidelity)

    @property
    def caveat(self) -> str | None:
        """In words: what was not checked, what is not shown for it, and how to have both."""
        if not self.unchecked:
            return None
        name = self.lacks
        parts = ["Not checked here: whether the records are those of the subset's samples."]
        if "scores" in self.unchecked:
            parts = [
                "The scores are shown as published: that they follow from the records, and that these are of the "
                "subset's samples, was not checked here. Table and pictures of the samples are missing."
            ]
        bring = f"'mlip-zoo datasets {name} --fetch' brings them" if name else "'mlip-zoo datasets' lists them"
        return " ".join([*parts, f"It takes the reference data {name or ''}".rstrip() + f"; {bring}."])

    @property
    def other_theory(self) -> bool:
        """Whether the model was trained on another level of theory than the task's reference has."""
        return self.task.reference_theory not in (None, self.theory)

    def restricted_to(self, subset: Subset) -> Entry | None:
        """This entry on a smaller subset of its task: scores and costs from the records of that subset's samples alone.

        The manifest's other facts stay. None where the entry has no figures per sample (`rows`), or where the subset's
        samples are unknown, for want of reference data.
        """
        if subset not in self._parts:
            names = sample_names(self.task.name, subset)
            if not self.rows or isinstance(names, DatasetUnavailable):
                self._parts[subset] = None
            else:
                self._parts[subset] = self.of(names, subset=subset)
        return self._parts[subset]

    @cached_property
    def _parts(self) -> dict[Subset, Entry | None]:
        """What `restricted_to` gave."""
        return {}

    def of(self, names: frozenset[str], *, subset: Subset) -> Entry:
        """This entry on some of its samples, as `restricted_to`; `subset` is what they are shown as. It has `rows`."""
        records = scored.of_samples(self.records, names)
        accounts = scored.accounts(records)
        rows = tuple(row for row in self.rows if row["sample"] in names)
        run = self.result.run
        cost = Cost.of(accounts, calls_per_answer=self.mode.cost_force_calls, peak_memory_gb=run.cost.peak_memory_gb)
        part = run.model_copy(update={"subset": subset, "counts": Counts.of(accounts), "cost": cost})
        result = self.result.model_copy(update={"run": part, "scores": scores(self.task, rows)})
        return replace(self, result=result, records=records, rows=rows, part_of=self, scored=None)


@dataclass(frozen=True)
class Collection:
    """What the folders held."""

    entries: tuple[Entry, ...]
    """One per task, subset and entry, sorted by them."""
    faults: tuple[str, ...]
    """What could not be shown: file, field, reason."""
    folders: tuple[Path, ...]


def default_folders() -> list[Path]:
    """The published results, and those that `mlip-zoo evaluate` left in the working directory."""
    from evaluation.harness.store import DEFAULT_RUNS

    return [folder for folder in (PUBLISHED, DEFAULT_RUNS / "results") if folder.is_dir()]


def collect(folders: Sequence[Path], *, task: str | None = None, entry: str | None = None) -> Collection:
    """Read all results of `folders`, or those of one task or entry; where two hold the same, the later folder counts.

    A damaged result is a fault in the answer and stops nothing else. Raises NoResults when there is nothing at all,
    and EvaluationError for a task that does not exist.
    """
    if task is not None:
        tasks.load(task)
    found: dict[tuple[str, str, str], Entry] = {}
    wanted = f"{task or '*'}/{'*' if entry is None else glob.escape(entry)}.json"
    faults = []
    for folder in folders:
        if not folder.is_dir():
            raise NoResults(f"{folder}: no such folder of results")
        for path in sorted(folder.glob(wanted)):
            try:
                read = read_entry(path)
            except ResultFault as fault:
                faults.append(str(fault))
            else:
                run = read.result.run
                found[run.task, run.subset, run.entry] = read
    if not found and not faults:
        raise NoResults(_nothing(folders, task))
    return Collection(
        entries=tuple(found[key] for key in sorted(found)),
        faults=tuple(faults),
        folders=tuple(folders),
    )


def read_entry(path: Path, *, trusted: bool = True) -> Entry:
    """Read one result with its records and check them. Raises ResultFault: file, field, reason.

    `trusted`: take the figures that ship for a published result which is as it was published.
    """
    known = scored.read(path, path.with_suffix(".parquet")) if trusted and is_published(path) else None
    result = _result(path, known)
    run = result.run
    if (run.task, run.entry) != (path.parent.name, path.stem):
        raise ResultFault(f"{path}: it says that it is {run.task}/{run.entry}; a result's name is its file's name")
    try:
        task = tasks.load(run.task)
        card, mode = index.resolve(run.entry)
    except (EvaluationError, ZooError) as error:
        told = index.in_one_line(error) if isinstance(error, ZooError) else error
        raise ResultFault(f"{path}: run.entry: {told}") from None
    if run.card != card.name:
        raise ResultFault(f"{path}: run.card: {run.card!r}, but the entry is of {card.name!r}")
    if run.entry != index.entry_name(card, mode):
        raise ResultFault(f"{path}: run.entry: {run.entry!r} is written {index.entry_name(card, mode)!r}")
    stale = tuple(_differences(result, card, task))
    records = _records(path.with_name(result.records_name), result, known)
    cost = Cost.of(
        scored.accounts(records),
        calls_per_answer=mode.cost_force_calls,
        peak_memory_gb=run.cost.peak_memory_gb,
        ledger=run.cost.ledger,
    )
    result = result.model_copy(update={"run": run.model_copy(update={"cost": cost})})
    rows, unchecked, lacks = _no_rows()
    if not {"protocol", "dataset"}.intersection(stale):
        with dataset.here_only():
            rows, unchecked, lacks = _checked(path, result, task, records, known)
    return Entry(
        result=result,
        card=card,
        mode=mode,
        task=task,
        path=path,
        records=records,
        rows=rows,
        stale=stale,
        unchecked=unchecked,
        lacks=lacks,
        scored=known,
    )


def is_published(path: Path) -> bool:
    """Whether a result is one of those that ship."""
    return _resolved(path.parent).is_relative_to(_resolved(PUBLISHED))


@cache
def _resolved(folder: Path) -> Path:
    """Pages ask thousands of times about a handful of folders."""
    return folder.resolve()


def _result(path: Path, known: Scored | None) -> Result:
    try:
        result = read_result(path)
        if not known:
            json_text(result.model_dump(mode="json"))  # a NaN is legal where pydantic reads, and no number
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "the file"
        raise ResultFault(f"{path}: {field}: {first['msg']}") from None
    except (OSError, ValueError) as error:
        raise ResultFault(f"{path}: {error}") from None
    return result


def _differences(result: Result, card: Card, task: Task) -> Iterator[str]:
    run = result.run
    if run.protocol_sha256 != protocol_sha256(task.protocol):
        yield "protocol"
    if run.dataset_sha256 != task.dataset_sha256:
        yield "dataset"
    upstream, safetensors = card.checkpoint.upstream, card.checkpoint.safetensors
    known = {file.sha256 for file in (upstream, safetensors.weights if safetensors else None) if file}
    nobody_says = run.pinned_by == "user" and not card.checkpoint.pinned
    if run.checkpoint_sha256 not in known and not nobody_says:
        yield "checkpoint"


def _records(path: Path, result: Result, known: Scored | None) -> Sequence[Record]:
    from evaluation.harness.store import read_records

    if known:
        return StoredRecords(known.accounts, lambda: read_records(path))
    if not path.is_file():
        raise ResultFault(f"{path}: missing; a result is shown with the records that its scores come from")
    try:
        records = read_records(path)
    except EvaluationError as error:
        raise ResultFault(f"{path}: {error}") from None
    counts = result.run.counts
    stored = (counts.total, counts.ok, counts.failed, counts.unsupported)
    by_status = [sum(record.status == status for record in records) for status in ("ok", "failed", "unsupported")]
    if stored != (len(records), *by_status):
        raise ResultFault(f"{path}: holds {len(records)} records {by_status}, the result counts {list(stored)}")
    if len({record.sample for record in records}) != len(records):
        raise ResultFault(f"{path}: sample: one sample stands twice")
    return tuple(records)


_Checked = tuple[tuple[Row, ...], tuple[Verification, ...], str | None]
"""Figures per sample; what could not be checked; the dataset that this would take."""


def _no_rows(*unchecked: Verification, lacks: str | None = None) -> _Checked:
    return (), unchecked, lacks


def _checked(path: Path, result: Result, task: Task, records: Sequence[Record], known: Scored | None) -> _Checked:
    """The task's figures per sample, after a look at whether the stored scores are the ones they give."""
    unchecked: tuple[Verification, ...] = ()
    asked = sample_names(task.name, result.run.subset)
    lacks = asked.dataset if isinstance(asked, DatasetUnavailable) else None
    if isinstance(asked, DatasetUnavailable):
        unchecked = ("samples",)
    else:
        _compare_samples(path, result, scored.samples(records), asked)
    if known and known.rows:
        return known.rows, unchecked, lacks
    try:
        rows = task.table(records)
        computed_scores = scores(task, rows)
    except DatasetUnavailable as away:
        if result.scores.keys() != {metric.name for metric in task.metrics}:
            raise ResultFault(f"{path}: scores: not one for each metric of {task.name}") from None
        return _no_rows(*unchecked, "scores", lacks=lacks or away.dataset)
    except (KeyError, TypeError, ValueError) as error:
        raise ResultFault(f"{path.with_name(result.records_name)}: outputs: {error!r}") from None
    for name in sorted(computed_scores.keys() | result.scores.keys()):
        stored, computed = result.scores.get(name), computed_scores.get(name)
        if not alike(stored, computed):
            raise ResultFault(
                f"{path}: scores.{name}: {_shown(stored)} in the file, {_shown(computed)} from the records beside it; "
                f"'mlip-zoo evaluate {result.run.entry} --task {task.name} --subset {result.run.subset}' scores again"
            )
    return tuple(rows), unchecked, lacks


def _compare_samples(path: Path, result: Result, ran: set[str], asked: frozenset[str]) -> None:
    if ran != asked:
        raise ResultFault(
            f"{path}: run.subset: {result.run.subset!r} has {len(asked)} samples; the records lack {len(asked - ran)} "
            f"of them and hold {len(ran - asked)} others"
        )


@cache
def sample_names(task: str, subset: Subset) -> frozenset[str] | DatasetUnavailable:
    """Names of a subset's samples, or why they are unknown: reference data that are not on this machine name them."""
    known = scored.sample_names(tasks.load(task), subset)
    if known is not None:
        return known
    with dataset.here_only():
        return names_of_samples(tasks.load(task), subset)


def names_of_samples(task: Task, subset: Subset) -> frozenset[str] | DatasetUnavailable:
    """The same, asked of the task itself, which may have to build the samples."""
    try:
        return frozenset(sample.id for sample in task.samples(subset))
    except DatasetUnavailable as away:
        return away


def _shown(score: Score | None) -> str:
    return (
        "nothing"
        if score is None
        else f"{score.value} (n = {score.n}, {score.n_missing} missing, {score.n_unsupported} unsupported)"
    )


def _nothing(folders: Sequence[Path], task: str | None) -> str:
    where = f"in {', '.join(str(folder) for folder in folders)}" if folders else "published, and none made here"
    example = next((card.name for card in index.cards() if card.verified and card.superseded_by is None), "NAME")
    return f"no results{f' of {task}' if task else ''} {where}. 'mlip-zoo evaluate {example}' makes one."
