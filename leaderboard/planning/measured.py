"""Measured: what earlier runs cost, sample by sample, and what part of it is the task's and what part the entry's.

A task asks more of one sample than of another, in much the same proportion for every model: with the published results,
the atoms evaluated for a whole subset follow from those for a part of it to a few percent. So a cost is split into an
entry's scale and a task's weight for each sample.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Literal

from evaluation import task as tasks
from evaluation.errors import EvaluationError
from evaluation.harness.store import read_records
from evaluation.protocol import protocol_sha256
from evaluation.result import Result, Run, read_result
from leaderboard.planning import chunks
from leaderboard.ranking import scored
from leaderboard.ranking.collect import is_published
from zoo.cards import index
from zoo.cards.card import Card
from zoo.cards.mode import Mode
from zoo.errors import ZooError

Quantity = Literal["atoms", "seconds"]
ROUNDS = 8
"""Of the alternations that part costs; with the published results the third one changes nothing by more than 1 %."""
_FEWEST_SECONDS = 30.0
"""Of a run whose start and end, in whole seconds, may stand for the time that a device was held."""


@dataclass(frozen=True)
class Measured:
    """One run of an entry on a task."""

    task: str
    entry: str
    card: Card
    mode: Mode
    device: str
    """`cpu`, or the accelerator's name."""
    tried: frozenset[str]
    """Its samples; those that it has no atoms for did not get as far as the model."""
    atoms: Mapping[str, int]
    """Sample → atoms evaluated for it, summed over steps; of samples for which the model ran."""
    seconds: Mapping[str, float]
    """Sample → its share of the time in the model, s."""
    around: float | None
    """Seconds per sample in which the device was held and the model did nothing; None where the run does not tell."""
    metered: bool
    """Whether a ledger says so, and not the hours at which the run began and ended."""
    bytes_per_sample: float | None
    """Of the result's records; None where they are away: an installation without them has the results alone."""
    chunk_bytes_per_sample: float | None
    """Of the chunks that such a run leaves, which are not packed; None where no published result of the task says."""
    local: bool
    """Made here, not published."""

    def of(self, quantity: Quantity) -> Mapping[str, float]:
        return self.atoms if quantity == "atoms" else self.seconds

    @property
    def rate(self) -> float:
        """Seconds in the model per atom and step."""
        return sum(self.seconds.values()) / sum(self.atoms.values())

    def only(self, samples: frozenset[str]) -> Measured | None:
        """The run on some of its samples; None where it computed none of them."""
        atoms = {name: n for name, n in self.atoms.items() if name in samples}
        seconds = {name: self.seconds[name] for name in atoms}
        return replace(self, tried=self.tried & samples, atoms=atoms, seconds=seconds) if atoms else None


def measured(folders: Sequence[Path], *, only: Collection[str] | None = None) -> list[Measured]:
    """What the runs cost whose results lie in these folders; where two hold the same, the later one counts.

    `only`: tasks whose runs are read, all of them when None.

    Those of another protocol or dataset than today's are left out, and so is what cannot be read: costs alone are
    looked at here, and `mlip-zoo board` says what is wrong with a result.
    """
    found: dict[tuple[str, str, str], Measured] = {}
    wanted = set(tasks.names()) & set(tasks.names() if only is None else only)
    for folder in folders:
        for path in sorted(folder.glob("*/*.json")):
            if path.parent.name not in wanted:
                continue
            try:
                result = read_result(path)
                run = _measured(path, result)
            except (OSError, ValueError, ZooError, EvaluationError):
                continue
            if run is not None:
                found[run.task, result.run.subset, run.entry] = run
    return list(found.values())


def _measured(path: Path, result: Result) -> Measured | None:
    run = result.run
    task = tasks.load(run.task)
    if (run.protocol_sha256, run.dataset_sha256) != (protocol_sha256(task.protocol), task.dataset_sha256):
        return None
    card, mode = index.resolve(run.entry)
    records_path = path.with_name(result.records_name)
    known = scored.read(path, records_path) if is_published(path) else None
    told = known.accounts if known else [scored.account(record) for record in read_records(records_path)]
    ran = [(name, atoms, seconds) for name, _, _, _, atoms, seconds in told if atoms and seconds]
    if not ran:
        return None
    return Measured(
        task=run.task,
        entry=run.entry,
        card=card,
        mode=mode,
        device="cpu" if run.device == "cpu" else run.hardware.accelerator or run.device,
        tried=frozenset(account[0] for account in told),
        atoms={name: atoms for name, atoms, _ in ran},
        seconds={name: seconds for name, _, seconds in ran},
        around=_around(run, len(ran)),
        metered=run.cost.ledger is not None,
        bytes_per_sample=records_path.stat().st_size / run.counts.total if records_path.is_file() else None,
        chunk_bytes_per_sample=chunks.bytes_per_sample().get(run.task),
        local=not is_published(path),
    )


def _around(run: Run, ran: int) -> float | None:
    if ledger := run.cost.ledger:
        return max(0.0, ledger.device_seconds - run.cost.seconds) / ran
    if run.extended or len(run.commits) > 1:  # begun at another time, perhaps
        return None
    lasted = (datetime.fromisoformat(run.finished) - datetime.fromisoformat(run.started)).total_seconds()
    return max(0.0, lasted - run.cost.seconds) / ran if lasted >= _FEWEST_SECONDS else None


@dataclass(frozen=True)
class Weights:
    """What a task asks for each sample, relative to the others, and what scale each run has on it."""

    samples: Mapping[str, float]
    scales: Mapping[str, float]
    """By entry."""

    def scale(self, run: Measured, quantity: Quantity) -> float | None:
        """Of another run; None where it shares no sample with those that the weights come from."""
        return _scale(run.of(quantity), self.samples)

    def total(self, samples: Sequence[str]) -> float:
        """Over some samples; one that nobody ran has the mean weight."""
        mean = sum(self.samples.values()) / len(self.samples)
        return sum(self.samples.get(name, mean) for name in samples)


def weights(runs: Sequence[Measured], quantity: Quantity) -> Weights | None:
    """Weights of one task's samples, from runs on any parts of it, such that cost ≈ scale × weight.

    A weight is the median over runs, so that one run's slow hour moves none of them; a scale is a ratio of sums. None
    where there is no run.
    """
    costs = {run.entry: run.of(quantity) for run in sorted(runs, key=lambda run: len(run.atoms))}
    names = list(dict.fromkeys(name for cost in costs.values() for name in cost))
    if not names:
        return None
    found = dict.fromkeys(names, 1.0)
    scales: dict[str, float] = {}
    for _ in range(ROUNDS):
        scales = {entry: _scale(cost, found) or 1.0 for entry, cost in costs.items()}
        found = {
            name: median(cost[name] / scales[entry] for entry, cost in costs.items() if name in cost) for name in names
        }
    return Weights(found, scales)


def _scale(cost: Mapping[str, float], samples: Mapping[str, float]) -> float | None:
    common = [name for name in cost if name in samples]
    below = sum(samples[name] for name in common)
    return sum(cost[name] for name in common) / below if below else None
