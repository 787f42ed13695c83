"""Forecast: what a run will cost, and what earlier run that is known from."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from evaluation.subset import Subset
from leaderboard.planning.measured import ROUNDS, Measured, Weights, weights
from zoo.cards.card import Card
from zoo.cards.mode import Mode


@dataclass(frozen=True)
class Work:
    """What is to be run."""

    entry: str
    card: Card
    mode: Mode
    task: str
    subset: Subset
    samples: Mapping[str, frozenset[str] | None] | None
    """Sample → its elements, None where the reference data that tell them are not here; None where nobody knows even
    the samples' names."""
    samples_per_chunk: int
    device: str
    """`cpu`, or an accelerator's name."""
    workers: int = 1


@dataclass(frozen=True)
class Forecast:
    """Of one entry on one subset of one task. All costs are None where there is no basis."""

    work: Work
    basis: tuple[str, ...]
    """What the prediction was made from; or why there is none."""
    n: int | None = None
    """Samples for which the model will run."""
    atoms: float | None = None
    """Atoms evaluated, summed over steps."""
    model_seconds: float | None = None
    """Time in the model."""
    device_seconds: float | None = None
    """Time that devices are held."""
    wall_seconds: float | None = None
    """With the workers that were asked for, their starts apart."""
    record_bytes: float | None = None
    """On the disk when it is done: chunks and result."""

    @property
    def gpu_hours(self) -> float | None:
        """None on a CPU, too."""
        if self.device_seconds is None or self.work.device == "cpu":
            return None
        return self.device_seconds / 3600


def forecast(work: Work, runs: Sequence[Measured], *, per_atom: Mapping[str, float] | None = None) -> Forecast:
    """The cost of some work from earlier runs, by the nearest of them that there is.

    per_atom: card → seconds per atom and step on the work's device by other measurements than runs; they stand in
    where no run of that card was made on it.
    """
    if work.samples is None:
        return Forecast(work, ("no basis: the reference data that name the samples are not here",))
    known = None if work.card.elements is None else frozenset(work.card.elements)
    chosen = [name for name, needs in work.samples.items() if known is None or needs is None or needs <= known]
    if not chosen:
        return Forecast(work, ("no basis: the model knows the elements of no sample",))
    same_task = [run for run in runs if run.task == work.task]
    by_atoms = weights([run for run in same_task if not _averages(run.mode)] or same_task, "atoms")
    if by_atoms is None:
        return Forecast(work, (f"no basis: {work.task} was not run by any model",))
    case = _Case(work, chosen, same_task, by_atoms)
    own = [run for run in same_task if run.entry == work.entry and run.device == work.device]
    if own:
        return _from_own(case, max(own, key=lambda run: (run.local, len(run.tried))))
    return _from_others(case, runs, per_atom or {})


@dataclass(frozen=True)
class _Case:
    """Some work, and what is known of its task."""

    work: Work
    chosen: Sequence[str]
    """Samples for which the model will run."""
    same_task: Sequence[Measured]
    by_atoms: Weights

    def told(self, basis: Sequence[str], *, atoms: float, model: float) -> Forecast:
        """The forecast, with what the host adds to the time in the model."""
        around, why = self._around()
        device = model + around * len(self.chosen)
        shares = [self.by_atoms.total([name]) / self.by_atoms.total(self.chosen) for name in self.chosen]
        size = self.work.samples_per_chunk
        chunks = [sum(shares[start : start + size]) for start in range(0, len(shares), size)]
        return Forecast(
            self.work,
            (*basis, why),
            n=len(self.chosen),
            atoms=atoms,
            model_seconds=model,
            device_seconds=device,
            wall_seconds=device * makespan(chunks, self.work.workers),
            record_bytes=self.record_bytes,
        )

    @property
    def record_bytes(self) -> float | None:
        """A run stores its records twice: in chunks, and packed beside its result. None where either is unknown."""
        packed = [run.bytes_per_sample for run in self.same_task if run.bytes_per_sample is not None]
        raw = [run.chunk_bytes_per_sample for run in self.same_task if run.chunk_bytes_per_sample is not None]
        return (median(raw) + median(packed)) * len(self.work.samples or ()) if raw and packed else None

    def _around(self) -> tuple[float, str]:
        """Seconds per sample in which a device is held and the model does nothing."""
        known = [run for run in self.same_task if run.around is not None]
        known = [run for run in known if run.metered] or known
        chosen = [run for run in known if run.entry == self.work.entry] or known
        if not chosen:
            return 0.0, "time outside the model: unknown, taken as none"
        found = median(run.around for run in chosen if run.around is not None)
        return found, f"time outside the model: {found:.2g} s a sample, from {len(chosen)} run(s) of this task"


def _averages(mode: Mode) -> bool:
    return mode.cost_force_calls > 1


def _from_own(case: _Case, run: Measured) -> Forecast:
    """From a run of the same entry on the same task."""
    missing = [name for name in case.chosen if name not in run.tried]
    there = [name for name in case.chosen if name in run.atoms]
    count = f"{len(run.tried):,} samples of the same entry on this task ({'own' if run.local else 'published'})"
    atoms: float = sum(run.atoms[name] for name in there)
    model = sum(run.seconds[name] for name in there)
    if not missing:
        return case.told([f"recorded: {count}"], atoms=atoms, model=model)
    same_device = [other for other in case.same_task if other.device == case.work.device]
    by_seconds = weights(same_device, "seconds")
    assert by_seconds is not None  # the run itself is one of them
    atoms += (case.by_atoms.scale(run, "atoms") or 0.0) * case.by_atoms.total(missing)
    model += (by_seconds.scale(run, "seconds") or 0.0) * by_seconds.total(missing)
    others = len({other.entry for other in same_device} - {run.entry})
    basis = [count, f"the other {len(missing):,} samples by what they cost {others} other entries"]
    if unknown := sum(name not in by_seconds.samples for name in missing):
        basis.append(f"{unknown:,} samples that nobody ran, at the mean of the rest")
    return case.told(basis, atoms=atoms, model=model)


def _from_others(case: _Case, runs: Sequence[Measured], per_atom: Mapping[str, float]) -> Forecast:
    """From what others asked for on the task, and from how fast this checkpoint was on others."""
    work, scales = case.work, case.by_atoms.scales
    scale = median(scales.values())
    told = f"atoms and steps: the median of {len(scales)} entries on this task"
    near = [run for run in case.same_task if run.card.name == work.card.name and run.mode.forces == work.mode.forces]
    if known := [scales[run.entry] for run in near if run.entry in scales]:
        scale, told = median(known), "atoms and steps: other runs of this checkpoint and head on this task"
    atoms = scale * case.by_atoms.total(case.chosen) * work.mode.cost_force_calls
    rate, why = _rate(work, runs, per_atom)
    if rate is None:
        return Forecast(work, (told, why), n=len(case.chosen), atoms=atoms, record_bytes=case.record_bytes)
    return case.told([told, why], atoms=atoms, model=atoms * rate)


def _rate(work: Work, runs: Sequence[Measured], per_atom: Mapping[str, float]) -> tuple[float | None, str]:
    """Seconds per atom and step of the work, and where they come from."""
    there = [run for run in runs if run.device == work.device and not _averages(run.mode)]
    tasks = _task_rates(there)
    plain = work.mode.model_copy(update={"averaging": "none"})
    mine = [run for run in there if run.card.name == work.card.name]
    same = [run for run in mine if run.mode == plain]
    if chosen := same or mine:
        scale = median(run.rate / tasks[run.task] for run in chosen)
        names = ", ".join(sorted({run.task for run in chosen}))
        mode = "this mode" if same else f"the mode {chosen[0].mode}"
        rate = scale * tasks.get(work.task, median(tasks.values()))
        return rate, f"time per atom: {mode} on {names}, converted by the entries that ran both"
    if (known := per_atom.get(work.card.name)) is not None:
        return known, f"time per atom: a benchmark of filled batches of this checkpoint on {work.device}"
    return None, f"no basis for its time: no run of this checkpoint on {work.device}"


def _task_rates(runs: Sequence[Measured]) -> dict[str, float]:
    """Relative time per atom of each task, such that rate ≈ entry's × task's: tasks have cells of other sizes."""
    tasks = dict.fromkeys(sorted({run.task for run in runs}), 1.0)
    for _ in range(ROUNDS):
        entries: dict[str, list[float]] = {}
        for run in runs:
            entries.setdefault(run.entry, []).append(run.rate / tasks[run.task])
        scales = {entry: median(rates) for entry, rates in entries.items()}
        tasks = {task: median(run.rate / scales[run.entry] for run in runs if run.task == task) for task in tasks}
    return tasks


def makespan(tasks: Sequence[float], workers: int) -> float:
    """Time until all tasks are done, each by the worker that is free first."""
    free = [0.0] * max(1, workers)
    for task in tasks:
        heapq.heappush(free, heapq.heappop(free) + task)
    return max(free)
