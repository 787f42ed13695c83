"""Does a crystal keep its space group when a model relaxes it, how exactly, and what does it cost where it does not?

A crystal that starts in its space group has no reason to leave it: forces that respect the symmetry cannot break it.
Those of a model that has only learned rotational equivariance do not quite respect it, and rounding does not either.
Each crystal is relaxed, atoms and cell, from the DFT geometry and from that geometry strained in the way that its group
allows, once with nothing but the forces (*free*) and once with the group imposed on every step (*fixed*, FixSymmetry),
each in single and in double precision where the checkpoint runs in both. Fixed is the control: whoever fixes the group
has it.

A crystal has a space group only at a precision: atoms that are that far off still count as in place. The survival of a
crystal is the share of nine precisions from 1e-5 to 1e-1 Å at which it still shows DFT's group. Double precision that
helps says that the loss was rounding; where it does not, the model itself is not symmetric.

The *displacement-count ratio* is what phonons then cost: phonopy displaces only what symmetry cannot supply, and looks
for symmetry at 1e-5 Å. The displaced supercells that the freely relaxed crystal needs, divided by those of the ideal
one, are at best 1; a rocksalt crystal whose atoms are 1e-4 Å off needs 48 supercells instead of 2, a ratio of 24. How
far the relaxed crystal is from DFT's is no matter here; the relaxation task says that.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
from pydantic import JsonValue

from evaluation.definitions import symmetry as definitions
from evaluation.definitions.symmetry import DTYPES, METRICS, WAYS, SymmetryProtocol, kept_column
from evaluation.metric import Metric, Score, mean_score
from evaluation.metrics import survival
from evaluation.metrics.geometry import Crystal
from evaluation.physics import symmetry
from evaluation.physics.other_mode import dtype_beside, mode_of
from evaluation.physics.relaxation import Relaxation, Relaxed
from evaluation.record import Record
from evaluation.recording import SampleCost, failed, succeeded
from evaluation.reference import dataset, phonondb
from evaluation.subset import Subset
from evaluation.task import Row, Sample
from zoo.batch import StructureFailure

if TYPE_CHECKING:
    from ase import Atoms

    from zoo.batch import Computes


class Symmetry:
    """The task; see the module's docstring."""

    name = "symmetry"
    title = "Symmetry"
    metrics = METRICS
    reference_theory: str | None = None

    @cached_property
    def protocol(self) -> SymmetryProtocol:
        return definitions.protocol()

    @property
    def dataset_sha256(self) -> str:
        return dataset.load(phonondb.DATASET).identity

    def samples(self, subset: Subset) -> list[Sample]:
        return [
            Sample(id=f"{name}/{start}", atoms=self._start(atoms, start), subset=tier)
            for name, tier, atoms in self.protocol.crystals.crystals(subset)
            for start in self.protocol.starts
        ]

    def _start(self, reference: Atoms, start: str) -> Atoms:
        if start == "reference":
            return reference
        strain = np.diag(self.protocol.strain)
        return symmetry.strained(
            reference, symmetry.allowed_strain(reference, strain, symprec=self.protocol.reference_symprec)
        )

    def run(self, samples: Sequence[Sample], potential: Computes) -> list[Record]:
        settings = Relaxation(**self.protocol.relaxation.model_dump())
        starts = [sample.atoms for sample in samples]
        found = symmetry.relaxations(potential, starts, settings, symprec=self.protocol.fixed_symprec)
        dtypes = _dtypes(potential, there=any(one.other for one in found))
        names = {sample.id.partition("/")[0] for sample in samples}
        ideal = {name: self.protocol.crystals.crystal(name) for name in sorted(names)}
        fewest = {name: self._supercells(atoms) for name, atoms in ideal.items()}
        records = []
        for sample, one in zip(samples, found, strict=True):
            name = sample.id.partition("/")[0]
            reference = ideal[name]
            about: dict[str, JsonValue] = {
                **dtypes,
                "numbers": reference.numbers.tolist(),
                "reference_cell": reference.cell.array.tolist(),
                "reference_positions": reference.positions.tolist(),
                "fewest_supercells": fewest[name],
            }
            records.append(self._record(sample, one, about))
        return records

    def _record(self, sample: Sample, found: symmetry.Relaxations, about: dict[str, JsonValue]) -> Record:
        own = list(found.own.values())
        calls = sum(one.force_calls for one in own)
        # the other dtype's calls are no part of the entry's cost
        cost = SampleCost.of_cell(len(sample.atoms), force_calls=calls, seconds=sum(one.seconds for one in own))
        if all(one.atoms is None for one in own):
            return failed(sample.id, own[0].error or StructureFailure("failed", "no relaxation gave a structure"), cost)
        relaxations: dict[str, JsonValue] = {name: self._relaxation(one) for name, one in found.own.items()}
        relaxations |= {f"other_{name}": self._relaxation(one) for name, one in found.other.items()}
        outputs = {**about, "relaxations": relaxations}
        return succeeded(sample.id, outputs, cost)

    def _relaxation(self, relaxed: Relaxed) -> JsonValue:
        if relaxed.atoms is None:
            return {"error": None if relaxed.error is None else str(relaxed.error)}
        return {
            "error": None,
            "converged": relaxed.converged,
            "steps": relaxed.steps,
            "max_force": max(relaxed.max_forces[-1], relaxed.max_cell_forces[-1]),
            "cell": relaxed.atoms.cell.array.tolist(),
            "positions": relaxed.atoms.positions.tolist(),
            "supercells": self._supercells(relaxed.atoms),
        }

    def _supercells(self, atoms: Atoms) -> int | None:
        numbers = self.protocol.tax
        return symmetry.displaced_supercells(atoms, symprec=numbers.symprec, distance=numbers.displacement)

    def table(self, records: Sequence[Record]) -> list[Row]:
        return [self._row(record) for record in sorted(records, key=lambda record: record.sample)]

    def _row(self, record: Record) -> Row:
        crystal, _, start = record.sample.partition("/")
        row: Row = {
            "sample": record.sample,
            "status": record.status,
            "error": record.error,
            "crystal": crystal,
            "start": start,
            "dtype": record.outputs.get("dtype"),
            "other_dtype": record.outputs.get("other_dtype"),
            "other_dtype_reason": record.outputs.get("other_dtype_reason"),
        }
        ways = (*WAYS, *(f"other_{way}" for way in WAYS))
        figures = ("error", "survival", "recovered_symprec", "symmetry_tax", "converged", "steps", "max_force")
        row |= dict.fromkeys(f"{figure}_{way}" for way in ways for figure in figures)
        row |= dict.fromkeys(kept_column(way, symprec) for way in ways for symprec in self.protocol.symprecs)
        row |= dict.fromkeys(f"{figure}_{dtype}" for dtype in DTYPES for figure in ("survival", "symmetry_tax"))
        if record.status == "ok":
            for way, outcome in cast("dict[str, dict[str, JsonValue]]", record.outputs["relaxations"]).items():
                row |= self._figures(record, way, outcome)
            for prefix, dtype in (("", row["dtype"]), ("other_", row["other_dtype"])):
                if dtype is not None:
                    row |= {f"{name}_{dtype}": row[f"{name}_{prefix}free"] for name in ("survival", "symmetry_tax")}
        # the figures that rank and that a table shows without a suffix are those of the free relaxation
        return row | {name: row[f"{name}_free"] for name in figures if name != "error"}

    def _figures(self, record: Record, way: str, outcome: dict[str, JsonValue]) -> Row:
        """What one relaxation says. One that gave no crystal has kept nothing, and has no displacement-count ratio."""
        if outcome["error"] is not None:
            lost = dict.fromkeys((kept_column(way, symprec) for symprec in self.protocol.symprecs), False)
            return {f"error_{way}": outcome["error"], f"survival_{way}": 0.0, f"converged_{way}": False, **lost}
        protocol, outputs = self.protocol, record.outputs
        reference = _crystal(outputs["numbers"], outputs["reference_cell"], outputs["reference_positions"])
        relaxed = _crystal(outputs["numbers"], outcome["cell"], outcome["positions"])
        kept = survival.survival(relaxed, reference, protocol.symprecs)
        needed, fewest = cast("int | None", outcome["supercells"]), cast("int | None", outputs["fewest_supercells"])
        return {
            f"survival_{way}": survival.share(kept),
            f"recovered_symprec_{way}": survival.recovered_symprec(kept, protocol.symprecs),
            f"symmetry_tax_{way}": needed / fewest if needed and fewest else None,
            f"converged_{way}": outcome["converged"],
            f"steps_{way}": outcome["steps"],
            f"max_force_{way}": outcome["max_force"],
            **{kept_column(way, symprec): one for symprec, one in zip(protocol.symprecs, kept, strict=True)},
        }

    def score(self, rows: Sequence[Row]) -> dict[str, Score]:
        columns = {
            "survival_reference": "survival",
            "survival_strained": "survival",
            "kept_tight": kept_column("free", self.protocol.tight_symprec),
            "kept_loose": kept_column("free", self.protocol.loose_symprec),
        }
        found = {}
        for metric in self.metrics:
            name = metric.name
            start = name.removeprefix("survival_") if columns.get(name) == "survival" else None
            of = [row[columns.get(name, name)] for row in rows if start in (None, row["start"])]
            if name.endswith(DTYPES) and all(value is None for value in of):
                of = []  # a checkpoint that does not run in this dtype misses nothing
            values = [None if value is None else float(cast("float", value)) for value in of]
            found[name] = (_geometric if name == "recovered_symprec" else mean_score)(values, metric)
        return found


def _dtypes(potential: Computes, *, there: bool) -> dict[str, JsonValue]:
    """The entry's own dtype, the other one if it is there, and why not if it is not."""
    mode = mode_of(potential)
    if mode is None:
        reason = "the potential has no mode"
        return {"dtype": None, "other_dtype": None, "other_dtype_reason": None if there else reason}
    reason = f"the checkpoint runs in {mode.dtype} only"
    other = dtype_beside(mode.dtype) if there else None
    return {"dtype": mode.dtype, "other_dtype": other, "other_dtype_reason": None if there else reason}


def _geometric(values: Sequence[float | None], metric: Metric) -> Score:
    """As mean_score, of the logarithms."""
    assert metric.worst is not None
    logarithmic = metric.model_copy(update={"worst": float(np.log10(metric.worst))})
    score = mean_score([None if value is None else float(np.log10(value)) for value in values], logarithmic)
    back = {name: None if (of := getattr(score, name)) is None else 10**of for name in ("value", "low", "high")}
    return score.model_copy(update=back)


def _crystal(numbers: JsonValue, cell: JsonValue, positions: JsonValue) -> Crystal:
    return Crystal(np.asarray(numbers, np.int64), np.asarray(cell, dtype=float), np.asarray(positions, dtype=float))


TASK = Symmetry()
