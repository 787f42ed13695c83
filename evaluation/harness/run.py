"""Run: one entry through one task, chunk by chunk, resumable. The one place where a failure becomes a record."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from evaluation.errors import EvaluationFault, SolverFault
from evaluation.harness import provenance
from evaluation.harness.extension import Earlier
from evaluation.harness.in_flight import together
from evaluation.harness.manifest import manifest
from evaluation.harness.metering import Meter
from evaluation.harness.origin import Origin, require_alike
from evaluation.harness.shard import Shard
from evaluation.harness.store import Chunk, Store, chunks, write_packed, writing
from evaluation.ledger import Ledger
from evaluation.protocol import protocol_sha256
from evaluation.record import Record
from evaluation.recording import SampleCost, failed
from evaluation.result import Result, Run
from evaluation.scoring import scores_of
from evaluation.subset import Subset
from evaluation.task import Extends, KeepsWork, Sample, Task
from zoo import example_crystals
from zoo.batch import StructureFailure
from zoo.checkpoints.model_files import loaded_sha256
from zoo.errors import WorkerError, WorkerStartError
from zoo.potential import Potential
from zoo.runtime.process import STDERR_TAIL

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunProgress:
    """How far a run is; `seconds` is what this process has spent on it."""

    done: int
    total: int
    resumed: int
    """Samples that were there before this process began."""
    seconds: float

    @property
    def seconds_left(self) -> float | None:
        """Estimate from this process's own pace; None before its first chunk."""
        fresh = self.done - self.resumed
        return self.seconds / fresh * (self.total - self.done) if fresh else None


@dataclass(frozen=True)
class Evaluation:
    """One entry through one task: run what is missing, then score all of it."""

    potential: Potential
    task: Task
    subset: Subset
    threads: int
    """CPU threads that the potential runs with."""
    runs: Path
    """Folder of the records."""
    results: Path
    """Folder that gets `<task>/<entry>.json` and `.parquet`."""
    earlier: Earlier | None = None
    """A result of an earlier version of the protocol, whose records are kept and added to."""

    def run(self, show: Callable[[RunProgress], None] = lambda _: None) -> Result:
        """Run, score, write the Result with its records beside it, and return it.

        A sample that ends its worker again and again, alone, is a failed record. A chunk that fails for reasons that
        are not the samples' makes no record; the others still run, then EvaluationFault says what is missing. Running
        again continues there.
        """
        plan = self._plan()
        with self._store() as store:
            store.set_damaged_aside(plan)
            mine = self._origin(store)
            if not all(store.has(chunk) for chunk in plan) or not store.has_sessions():
                store.begin_session(plan, started=mine.started, commit=mine.commit)
            self._run_missing(plan, store, mine, show)
            records, ledger = store.records(plan), Ledger.of(store.costs(plan))
            sessions = store.sessions()
        commits = [session.commit for session in sessions]
        about = self._manifest(mine, records, ledger, commits=commits, started=sessions[0].started)
        return publish(self.task, about, records, results=self.results)

    def run_shard(
        self,
        shard: Shard,
        show: Callable[[RunProgress], None] = lambda _: None,
        *,
        tell: Callable[[Path], None] = lambda _: None,
        other_commits: bool = False,
    ) -> Path:
        """Run and store a shard's chunks, and score nothing; returns the run's folder, for `merge`.

        Others may run other shards of it meanwhile. `tell` gets the folder before anything runs. Chunks that are there
        must have been made by this code: by this very commit, or with `other_commits` by any. Raises EvaluationFault as
        `run` does, ProtocolMismatch.
        """
        plan = self._plan()
        chosen = shard.choose(plan)
        with self._store(shard=shard.name) as store:
            tell(store.folder)
            store.set_damaged_aside(chosen)
            mine = self._origin(store)
            # its own and one of the others': the merge looks at all, and a run has thousands
            others = next(([chunk] for chunk in plan if chunk not in chosen and store.has(chunk)), [])
            there = {chunk.name: store.origin(chunk) for chunk in (*chosen, *others) if store.has(chunk)}
            known = {name: origin for name, origin in there.items() if origin is not None}
            require_alike({**known, f"of shard {shard}": mine}, other_commits=other_commits)
            if not all(store.has(chunk) for chunk in chosen):
                store.begin_session(plan, started=mine.started, commit=mine.commit)
            self._run_missing(chosen, store, mine, show)
        return store.folder

    def _plan(self) -> list[Chunk]:
        if self.earlier:
            self.earlier.require(self.conditions())
        return chunks(self.task.samples(self.subset), self.task.protocol.samples_per_chunk)

    def _store(self, shard: str | None = None) -> Store:
        conditions = self.conditions()
        return Store(self.runs, task=self.task.name, entry=self.potential.name, conditions=conditions, shard=shard)

    def _origin(self, store: Store) -> Origin:
        info = self.potential.info
        return Origin(
            conditions_sha256=store.conditions_sha256,
            commit=provenance.commit(),
            version=provenance.version(),
            python=info["python"],
            packages=provenance.packages(),
            hardware=provenance.hardware(info["accelerator"]),
            calls_per_answer=self.potential.mode.cost_force_calls,
            peak_memory_gb=self.potential.memory_gb,
            started=(now := provenance.now()),
            stored=now,
        )

    def conditions(self) -> dict[str, Any]:
        """What stored records depend on: change any of it, and the old records are not continued."""
        info = self.potential.info
        trained = sorted(self.potential.card.trained_datasets)
        return {
            # only where there are some: the folders of all other runs keep their names
            **({"trained_datasets": trained} if trained else {}),
            **({"pinned_by": "user"} if self._pinned_by else {}),
            **({"extends": self.earlier.about.model_dump(mode="json")} if self.earlier else {}),
            "entry": self.potential.name,
            "checkpoint_sha256": loaded_sha256(self.potential.card.checkpoint),
            "task": self.task.name,
            "protocol_sha256": protocol_sha256(self.task.protocol),
            "dataset_sha256": self.task.dataset_sha256,
            "device": info["device"],
            "accelerator": info["accelerator"],
            "threads": self.threads,
            "model_packages": info["packages"],
        }

    @property
    def _pinned_by(self) -> Literal["user"] | None:
        return "user" if self.potential.card.checkpoint.pinned_by == "user" else None

    def _run_missing(
        self, plan: Sequence[Chunk], store: Store, mine: Origin, show: Callable[[RunProgress], None]
    ) -> None:
        clock = time.monotonic()
        total = sum(len(chunk.samples) for chunk in plan)
        resumed = done = sum(len(chunk.samples) for chunk in plan if store.has(chunk))
        show(RunProgress(done, total, resumed, 0.0))
        faults = []
        for group in together((chunk for chunk in plan if not store.has(chunk)), self._atoms_at_once()):
            for chunk, fault in self._run_together(group, store, mine):
                if fault is not None:
                    faults.append(f"{chunk.name}: {fault}")
                    continue
                done += len(chunk.samples)
                show(RunProgress(done, total, resumed, time.monotonic() - clock))
        if faults:
            raise EvaluationFault(
                f"{self.potential.name} on {self.task.name}: {len(faults)} of {len(plan)} chunks did not run; run "
                "the same command again to continue. Reasons:\n  " + "\n  ".join(faults)
            )

    def _atoms_at_once(self) -> Callable[[], int] | None:
        """What the accelerator takes; None where chunks run one by one."""
        if self.potential.info["accelerator"] is None or isinstance(self.task, KeepsWork):
            return None
        return lambda: self.potential.atoms_per_batch

    def _run_together(self, group: Sequence[Chunk], store: Store, mine: Origin) -> Iterator[tuple[Chunk, str | None]]:
        """Run and store chunks: each, and why it did not run."""
        try:
            with Meter(self.potential) as meter:
                records = iter(self._records([sample for chunk in group for sample in chunk.samples], store))
        except (WorkerError, SolverFault) as fault:
            if len(group) > 1:
                log.warning("%d chunks did not run together (%s); trying each", len(group), str(fault).splitlines()[0])
                for chunk in group:
                    yield from self._run_together([chunk], store, mine)
                return
            reason = str(fault).splitlines()[0]
            log.warning("chunk %s did not run: %s", group[0].name, reason)
            yield group[0], reason
            return
        now = {"stored": provenance.now(), "peak_memory_gb": self.potential.memory_gb}
        atoms = [sum(len(sample.atoms) for sample in chunk.samples) for chunk in group]
        assert meter.cost is not None
        for chunk, cost in zip(group, meter.cost.shared(atoms), strict=True):
            own = list(islice(records, len(chunk.samples)))
            store.write(chunk, own, origin=mine.model_copy(update=now), cost=cost)
            yield chunk, None

    def _records(self, samples: Sequence[Sample], store: Store) -> list[Record]:
        """One record per sample, in order; what the model was trained on does not run."""
        seen = {sample.id: _trained_on(sample) for sample in samples if self._saw(sample)}
        unseen = [sample for sample in samples if sample.id not in seen]
        ran = iter(self._ran(unseen, store) if unseen else ())
        return [seen[sample.id] if sample.id in seen else next(ran) for sample in samples]

    def _ran(self, samples: Sequence[Sample], store: Store) -> list[Record]:
        """One record per sample, in order. What breaks a worker is looked for among them and becomes a failure.

        Raises WorkerError when the model computes nothing at all any more, SolverFault.
        """
        try:
            return self._task_run(samples, store)
        except WorkerStartError:
            raise  # no sample has a part in it
        except WorkerError as fault:
            if len(samples) > 1:
                log.warning("%d samples did not run (%s); trying halves", len(samples), _reason(fault))
                half = (len(samples) + 1) // 2
                return [*self._ran(samples[:half], store), *self._ran(samples[half:], store)]
        (sample,) = samples
        try:
            return self._task_run(samples, store)
        except WorkerStartError:
            raise
        except WorkerError as fault:
            self._require_health()
            log.warning("sample %s failed twice, alone: %s", sample.id, _reason(fault))
            return [failed(sample.id, StructureFailure("failed", _reason(fault)), SampleCost())]

    def _task_run(self, samples: Sequence[Sample], store: Store) -> list[Record]:
        if self.earlier and isinstance(self.task, Extends):
            kept = self.earlier.records
            added = iter(self.task.extend([kept[s.id] for s in samples if s.id in kept], self.potential))
            missing = [sample for sample in samples if sample.id not in kept]
            new = iter(self.task.run(missing, self.potential) if missing else ())
            return [next(added) if sample.id in kept else next(new) for sample in samples]
        if isinstance(self.task, KeepsWork):
            with writing(store.work):
                return self.task.run_in(store.work, samples, self.potential)
        return self.task.run(samples, self.potential)

    def _require_health(self) -> None:
        """Raise WorkerError when the model does not even compute the crystal that its card was checked with.

        Then it is not the sample that is bad: a device is lost, or memory is short for everybody.
        """
        canary = self.potential.card.canary
        names = example_crystals.names() if canary is None else (canary.crystal,)
        errors = self.potential.compute([example_crystals.distorted(name) for name in names]).errors
        if None not in errors:
            raise WorkerError(f"{self.potential.name} computes nothing any more, {names[0]} neither: {errors[0]}")

    def _saw(self, sample: Sample) -> bool:
        return not sample.held_out and sample.dataset in self.potential.card.trained_datasets

    def _manifest(
        self,
        mine: Origin,
        records: Sequence[Record],
        ledger: Ledger | None,
        *,
        commits: Sequence[str | None],
        started: str,
    ) -> Run:
        return manifest(
            self.conditions(),
            mine.model_copy(update={"peak_memory_gb": self.potential.memory_gb}),
            records,
            ledger=ledger,
            task=self.task,
            subset=self.subset,
            commits=commits,
            started=started,
            finished=provenance.now(),
        )


def publish(task: Task, about: Run, records: Sequence[Record], *, results: Path) -> Result:
    """Score records; write the Result, and the records beside it."""
    result = Result(run=about, scores=scores_of(task, records))
    beside = results / task.name / result.records_name
    with writing(beside):
        write_packed(beside, sorted(records, key=lambda record: record.sample), task=task.name)
        result.write(results)
    return result


def _reason(fault: WorkerError) -> str:
    """`WorkerTimeout: the … worker did not answer within 1800 s and was stopped`."""
    return f"{type(fault).__name__}: {str(fault).splitlines()[0].partition(STDERR_TAIL)[0]}"


def _trained_on(sample: Sample) -> Record:
    reason = f"the model was trained on frames of {sample.dataset}; only those that all trainings leave out are scored"
    return failed(sample.id, StructureFailure("unsupported", reason), SampleCost())
