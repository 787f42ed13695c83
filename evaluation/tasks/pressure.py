"""Crystals under pressure: relaxed volumes, forces and stresses at 0, 50 and 100 GPa against DFT.

Most training data are near zero pressure, and a potential that is accurate there can be far off where atoms are
pushed together. Crystals of Alexandria, relaxed by DFT (PBE, with a U where the Materials Project has one) at each
pressure, are computed once at DFT's geometry, forces and stress, and then relaxed under the same external pressure
from there, atoms and cell, without any symmetry constraint. The volume at the end is compared with DFT's; its error
over the pressure says how the model's equation of state departs from DFT's.

All pressures are compared over the same crystals, and every figure stands for each pressure alone as well: errors of
volumes are smaller where crystals are stiffer, so that only figures at one pressure compare models. DFT's forces are
next to zero at its own geometries, so that the force error is the model's residual force. The protocol names the
pressures; another one takes a line there and a file of the data set, and no code.

The crystals are those that training on this very data set leaves out. Canaries have no reference; they show that the
model answers under pressure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import JsonValue

from evaluation import formula
from evaluation.definitions import pressure as definitions
from evaluation.definitions.pressure import PressureProtocol, metric_at
from evaluation.metric import Metric, Score, average_score
from evaluation.metrics import geometry
from evaluation.metrics.forces import mean_absolute_error
from evaluation.outputs import pressure as outputs
from evaluation.outputs import relaxation
from evaluation.physics.relax import relax
from evaluation.physics.relaxation import Relaxation, Relaxed
from evaluation.record import Record
from evaluation.recording import relaxed_record
from evaluation.reference import alexandria_pressure, dataset
from evaluation.subset import Subset, tiers
from evaluation.task import Row, Sample, column

if TYPE_CHECKING:
    from ase import Atoms

    from zoo.batch import Batch, Computes


class PressureTask:
    """The task; see the module's docstring. A sample's name is `<crystal>/<pressure>-gpa`."""

    name = "pressure"
    title = "Crystals under pressure"
    reference_theory = "PBE"

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        return definitions.metrics()

    @cached_property
    def protocol(self) -> PressureProtocol:
        return definitions.protocol()

    @property
    def dataset_sha256(self) -> str:
        return dataset.load(alexandria_pressure.DATASET).identity

    def samples(self, subset: Subset) -> list[Sample]:
        found = list(self._canary())
        if subset != "canary":
            at = [
                alexandria_pressure.held_out(pressure)[: self.protocol.full] for pressure in self.protocol.pressures_gpa
            ]
            for tier, same in tiers(zip(*at, strict=True), fast=self.protocol.fast, subset=subset):
                found += [
                    Sample(
                        id=_name(each.id, pressure),
                        atoms=each.atoms,
                        subset=tier,
                        dataset=alexandria_pressure.DATASET,
                        held_out=True,
                    )
                    for pressure, each in zip(self.protocol.pressures_gpa, same, strict=True)
                ]
        return found

    def _canary(self) -> Iterator[Sample]:
        for name, crystal in self.protocol.canary.items():
            for pressure in self.protocol.pressures_gpa:
                yield Sample(id=_name(name, pressure), atoms=crystal.built(name), subset="canary")

    def run(self, samples: Sequence[Sample], potential: Computes) -> list[Record]:
        batch = potential.compute([sample.atoms for sample in samples])
        seconds = batch.share_seconds()
        ends = self._relaxed(samples, potential)
        return [_record(sample, ends[i], batch, i, seconds=float(seconds[i])) for i, sample in enumerate(samples)]

    def _relaxed(self, samples: Sequence[Sample], potential: Computes) -> list[Relaxed]:
        """Each sample relaxed under its pressure; those of one pressure share batches."""
        from ase.units import GPa

        protocol = self.protocol
        settings = Relaxation(fmax=protocol.fmax, steps=protocol.steps, optimizer=protocol.optimizer)
        found: dict[str, Relaxed] = {}
        for pressure in protocol.pressures_gpa:
            same = [sample for sample in samples if outputs.pressure_gpa(sample.id) == pressure]
            ends = relax(potential, [sample.atoms for sample in same], replace(settings, pressure=pressure * GPa))
            found |= dict(zip((sample.id for sample in same), ends, strict=True))
        return [found[sample.id] for sample in samples]

    def table(self, records: Sequence[Record]) -> list[Row]:
        return [_row(record) for record in sorted(records, key=lambda record: record.sample)]

    def ranked(self, rows: Sequence[Row]) -> list[Row]:
        """Those with a reference."""
        return [row for row in rows if row["crystal"] not in self.protocol.canary]

    def score(self, rows: Sequence[Row]) -> dict[str, Score]:
        compared = self.ranked(rows)
        values = {name: column(compared, name) for name in ("volume_error", "force_mae", "stress_mae", "rmsd")}
        for pressure in self.protocol.pressures_gpa:
            ones = [row for row in compared if row["pressure_gpa"] == pressure]
            for name in ("volume_error", "force_mae", "stress_mae"):
                values[metric_at(name, pressure)] = column(ones, name)
        values["converged"] = column(rows, "converged")
        return {metric.name: average_score(values[metric.name], metric) for metric in self.metrics}


def _name(crystal: str, pressure_gpa: float) -> str:
    return f"{crystal}/{pressure_gpa:g}-gpa"


def _record(sample: Sample, end: Relaxed, batch: Batch, i: int, *, seconds: float) -> Record:
    """The relaxation's record, with the answer at DFT's geometry and what that took."""
    from ase.stress import full_3x3_to_voigt_6_stress

    single: dict[str, JsonValue] = {}
    if batch.errors[i] is None:
        single["forces_pred"] = batch.forces[i].tolist()
        single["stress_pred"] = (
            None if batch.stresses is None else full_3x3_to_voigt_6_stress(batch.stresses[i]).tolist()
        )
    record = relaxed_record(sample.id, end, reference=sample.atoms, **single, **_reference(sample.atoms))
    calls = int(batch.calls[i])
    return record.model_copy(
        update={
            "force_calls": record.force_calls + calls,
            "atom_calls": record.atom_calls + calls * len(sample.atoms),
            "seconds": record.seconds + seconds,
        }
    )


def _reference(atoms: Atoms) -> dict[str, JsonValue]:
    """DFT's forces and stress, for scoring without the data set; a canary has none."""
    if atoms.calc is None:
        return {"forces_ref": None, "stress_ref": None}
    return {"forces_ref": atoms.get_forces().tolist(), "stress_ref": atoms.get_stress().tolist()}


def _row(record: Record) -> Row:
    row: Row = {
        "sample": record.sample,
        "status": record.status,
        "error": record.error,
        "crystal": record.sample.partition("/")[0],
        "pressure_gpa": outputs.pressure_gpa(record.sample),
        **dict.fromkeys(("formula", "volume_error", "volume_change", "volume_pred", "volume_ref", "rmsd")),
        **dict.fromkeys(("force_mae", "stress_mae", "converged", "steps")),
    }
    if record.status != "ok":
        return row
    predicted, reference = relaxation.predicted(record), relaxation.reference(record)
    row |= {
        "formula": formula.reduced(reference.numbers),
        "converged": bool(record.outputs["converged"]),
        "steps": relaxation.steps(record),
        "volume_pred": outputs.volume(predicted),
    }
    if record.outputs["forces_ref"] is None:
        return row
    from ase.units import GPa

    change = geometry.volume_error(predicted, reference)
    row |= {
        "volume_error": abs(change),
        "volume_change": change,
        "volume_ref": outputs.volume(reference),
        "rmsd": geometry.rmsd(predicted, reference),
        "force_mae": mean_absolute_error(*outputs.forces(record)) * 1000,
    }
    if (stresses := outputs.stresses(record)) is not None:
        row["stress_mae"] = mean_absolute_error(*stresses) / GPa
    return row


TASK = PressureTask()
