"""Comparable cost: the time of one answer, as a ratio to a reference model that is timed in the same run.

The time that a model took for some other task says little about another model's: their runs saw other machines, other
neighbours on them, and other steps. Here every entry is given the same crystals (a dense, an ionic and an open one) at
the same sizes: one cell of 8 and of 64 atoms and a batch of 32 cells of 8 atoms; the full subset adds one cell of 512
atoms and a batch of 256. Each call is repeated after a warm-up that does not count, and between any two of them a
reference model that ships with this package is given the same structures. The *relative cost* is the median of the
ratios of the two times: on a machine that is busy, or slower than another, both take longer.

Time is that inside the model, energies, forces and stress of the whole batch, without the pipe to its worker; a mode
that averages pays for all its evaluations. Both run on the same device and with as many threads. A ratio belongs to
one kind of device: on a GPU small cells do not fill it, and large models gain more. So the cost column of the overview
holds what ran on one CPU thread, and what ran elsewhere stands on its own page.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from pydantic import JsonValue

from evaluation.definitions import speed as definitions
from evaluation.definitions.speed import SpeedProtocol, Workload, metric_of
from evaluation.errors import EvaluationFault
from evaluation.metric import Metric, Score, average_score
from evaluation.outputs import speed as outputs
from evaluation.physics.timing import Timed, timed
from evaluation.record import Record
from evaluation.recording import SampleCost, failed, succeeded
from evaluation.subset import Subset, up_to
from evaluation.task import Row, Sample, column
from zoo import example_crystals

if TYPE_CHECKING:
    from ase import Atoms

    from zoo.batch import Computes


@runtime_checkable
class LoadsOthers(Protocol):
    """Can load another entry as it was loaded itself: zoo.potential.Potential."""

    def beside(self, entry: str) -> AbstractContextManager[Computes] | None:
        """None where it was not loaded by name itself."""


class SpeedTask:
    """The task; see the module's docstring. A sample's name is `<crystal>/<structures>x<atoms>`."""

    name = "speed"
    title = "Comparable cost"
    reference_theory = None

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        return definitions.metrics()

    @cached_property
    def protocol(self) -> SpeedProtocol:
        return definitions.protocol()

    @property
    def dataset_sha256(self) -> str:
        """Hash of the reference's weights: nothing else stands behind the scores."""
        return self.protocol.reference_sha256

    def samples(self, subset: Subset) -> list[Sample]:
        return [
            Sample(id=f"{formula}/{workload.name}", atoms=self._cell(formula, workload), subset=workload.subset)
            for workload in self._ordered()
            for formula in self.protocol.crystals
            if workload.subset in up_to(subset)
        ]

    def _ordered(self) -> list[Workload]:
        return sorted(self.protocol.workloads, key=lambda each: len(up_to(each.subset)))

    def _cell(self, formula: str, workload: Workload) -> Atoms:
        """The perfect crystal: a cube of primitive or of conventional cells with that many atoms."""
        crystal = self.protocol.crystals[formula]
        for cell in (crystal.built(formula, cubic=True), crystal.built(formula)):
            times = round((workload.atoms / len(cell)) ** (1 / 3))
            if times and len(cell) * times**3 == workload.atoms:
                whole: Atoms = cell.repeat(times)
                return whole
        raise ValueError(f"protocol of speed: {formula} has no cube of cells with {workload.atoms} atoms")

    def run(self, samples: Sequence[Sample], potential: Computes) -> list[Record]:
        other = potential.beside(self.protocol.reference) if isinstance(potential, LoadsOthers) else None
        if other is None:
            raise EvaluationFault(
                f"the task speed times {self.protocol.reference} beside the model, and that takes a potential that was "
                "loaded by its name; 'mlip-zoo evaluate NAME --task speed' does so"
            )
        with other as reference:
            return [self._record(sample, potential, reference) for sample in samples]

    def _record(self, sample: Sample, potential: Computes, reference: Computes) -> Record:
        workload = self._workload(sample.id)
        numbers = self.protocol
        cells = [
            example_crystals.distort(sample.atoms, seed=seed, rattle=numbers.rattle, strain=numbers.strain)
            for seed in range(workload.structures)
        ]
        found = timed(potential, reference, cells, warm_ups=numbers.warm_ups, repeats=workload.repeats)
        if found.reference_error:
            raise EvaluationFault(f"{numbers.reference} has no answer for {sample.id}: {found.reference_error}")
        if found.error:
            return failed(sample.id, found.error, SampleCost())
        return _record(sample.id, workload, found)

    def _workload(self, sample: str) -> Workload:
        name = sample.partition("/")[2]
        return next(workload for workload in self.protocol.workloads if workload.name == name)

    def table(self, records: Sequence[Record]) -> list[Row]:
        return [_row(record) for record in sorted(records, key=lambda record: record.sample)]

    def score(self, rows: Sequence[Row]) -> dict[str, Score]:
        values = {name: column(rows, name) for name in ("relative_cost", "microseconds", "scatter")}
        for workload in self.protocol.workloads:
            ones = [row for row in rows if row["workload"] == workload.name]
            values[metric_of(workload.name)] = column(ones, "relative_cost")
        return {metric.name: average_score(values[metric.name], metric) for metric in self.metrics}


def _record(sample: str, workload: Workload, found: Timed) -> Record:
    """The record, whose cost is that of the timed calls of the model."""
    cost = SampleCost.of_cell(workload.atoms, force_calls=found.force_calls, seconds=sum(found.seconds))
    timed_calls: dict[str, JsonValue] = {
        "structures": workload.structures,
        "atoms": workload.atoms,
        "seconds": [*found.seconds],
        "reference_seconds": [*found.reference_seconds],
    }
    return succeeded(sample, timed_calls, cost)


def _row(record: Record) -> Row:
    crystal, _, workload = record.sample.partition("/")
    row: Row = {
        "sample": record.sample,
        "status": record.status,
        "error": record.error,
        "crystal": crystal,
        "workload": workload,
        **dict.fromkeys(("relative_cost", "relative_low", "relative_high", "scatter")),
        **dict.fromkeys(("microseconds", "microseconds_low", "microseconds_high", "reference_microseconds")),
    }
    if record.status != "ok":
        return row
    per_atom = 1e6 / outputs.atoms(record)
    low, middle, high = _quartiles(outputs.ratios(record))
    fast, usual, slow = _quartiles(outputs.seconds(record) * per_atom)
    return row | {
        "relative_cost": middle,
        "relative_low": low,
        "relative_high": high,
        "scatter": 100 * (high - low) / middle,
        "microseconds": usual,
        "microseconds_low": fast,
        "microseconds_high": slow,
        "reference_microseconds": _quartiles(outputs.reference_seconds(record) * per_atom)[1],
    }


def _quartiles(values: outputs.Array) -> tuple[float, float, float]:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return float(low), float(middle), float(high)


TASK = SpeedTask()
