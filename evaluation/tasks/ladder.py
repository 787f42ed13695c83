"""Mitigation of broken symmetries for phonons: accuracy gain and cost of each step, on one and the same checkpoint.

The forces of a potential that has only learned rotational equivariance, or that are not the gradient of an energy, can
be treated: by displacing atoms in both directions, by symmetrising the force constants, by relaxing with the space
group kept, by averaging over orientations, by the checkpoint's other force head. Each mitigation step has its frequency
error, its residuals, whether modes are imaginary, and its cost.

The first six steps start from a crystal that relaxed without any symmetry kept, and are cumulative: *raw* (displaced
one way, force constants as they come), *plus-minus*, *net force* (every supercell's mean force subtracted), *index*
((Φ + Φᵀ)/2), *projector* (onto all that the crystal's own space group and the sum rules allow), *all
displaced* (every atom along every axis, 6N supercells, where before symmetry supplied all it could). The same six are
repeated on the crystal whose space group was kept while it relaxed, because some potentials do not converge otherwise:
with PET-tiny's direct head the cell of nearly every crystal diverges without it, and there is nothing to analyse.

The others are separate, each the *usual* workflow (symmetry kept, fewest displacements, projector) with other forces in
it: averaged over 42, 154 or 390 rotations, or 42 with inversion; those of the conservative head for the force constants
only; and the conservative head everywhere. They are not cumulative: averages of 6N displacements are too expensive, and
each replaces what the step before it did. Where a step does not apply (the checkpoint has one head, its forces are the
gradient already, the entry is averaged already, the protocol keeps the large averages for two small crystals), the
record has the reason, and no zero.

Errors are those of the frequencies on the reference's mesh. Against PBE they mix broken symmetry with the model's
inaccuracy, so a second error stands apart: the distance to the same checkpoint's own best, its conservative head or
else its highest average, which needs no reference. The *residuals* (force-constant asymmetry, acoustic sum rule, space
group, degeneracy) are measured twice: of the force constants as the forces give them, and of those that the spectrum
comes from. The first are the error of the forces, the second what symmetrisation left; and even the first are small
where symmetry-reduced displacements hide them. phonopy makes dynamical matrices Hermitian, so that the index step
cannot change a frequency.

Cost counts the atoms that were evaluated, in force calls on the supercell (64 or 72 atoms), so that steps of the small
cell's relaxation do not weigh as much as supercells; an evaluation by the other head is weighted by its time relative
to the entry's own. Forces are computed once and shared between steps; a cost is what the step would have cost alone.

Not measured: supercells are those of the reference's third order, not the 300 to 512 atoms of its second, so that an
average over 390 rotations is affordable. All steps have that error in common; compare them with each other, and take a
model's accuracy from the phonons task. Only the forces need the model: `Mitigation.analysed` repeats the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
from pydantic import JsonValue

from evaluation.definitions import ladder as definitions
from evaluation.definitions.ladder import LABELS, METRICS, MitigationProtocol
from evaluation.metric import Score
from evaluation.metrics import phonon
from evaluation.metrics.mitigation import (
    FULL_SET_STEP,
    REDUCED_SET_STEP,
    RESIDUALS,
    GoodEnough,
    column,
    recommended,
    scores,
)
from evaluation.outputs import mitigation as stored
from evaluation.outputs.quantized_array import unpack
from evaluation.physics import mitigation, phonons
from evaluation.physics.relaxation import Relaxation
from evaluation.record import Record
from evaluation.recording import failed, succeeded
from evaluation.reference import dataset, phonondb
from evaluation.reference.draw import by_hash
from evaluation.subset import Subset, up_to
from evaluation.task import Row, Sample
from zoo.batch import StructureFailure
from zoo.cards.mode import Averaging

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.batch import Computes

    Array = NDArray[np.float64]

FACE_CENTRED = ((0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0))

OWN_BEST = ("head", "o3_7", "o3_5", "o3_3_inversion", "o3_3")
"""The step that others of the same checkpoint are compared with: the first of these that was reached."""
FIGURES = (
    *("frequency_mae", "frequency_bias", "dos_w1", "omega_max_error", "own_mae"),
    *("stable", "omega_min", "omega_max"),
    *(f"{name}_{when}" for when in ("before", "after") for name in RESIDUALS),
    *("force_calls", "cost", "seconds"),
)
"""Of one step of one crystal. Errors are model minus PBE; own_mae is against OWN_BEST, None for that step itself."""


class Mitigation:
    """The task; see the module's docstring."""

    name = "ladder"
    title = "Mitigation"
    metrics = METRICS
    reference_theory = "PBE"

    @cached_property
    def protocol(self) -> MitigationProtocol:
        return definitions.protocol()

    @property
    def dataset_sha256(self) -> str:
        return dataset.load(phonondb.DATASET).identity

    @property
    def settings(self) -> mitigation.MitigationSettings:
        """As the physics takes them."""
        numbers = self.protocol.relaxation.model_dump()
        return mitigation.MitigationSettings(
            free=Relaxation(**numbers),
            symmetric=Relaxation(**numbers, symprec=self.protocol.symprec),
            displacement=self.protocol.displacement,
        )

    def samples(self, subset: Subset) -> list[Sample]:
        tiers: dict[Subset, tuple[str, ...]] = {"canary": tuple(self.protocol.canary), "fast": self.protocol.fast}
        if subset == "full":
            tiers["full"] = self._others()
        chosen = up_to(subset)
        return [
            Sample(id=name, atoms=self._crystal(name).atoms, subset=tier) for tier in chosen for name in tiers[tier]
        ]

    def _others(self) -> tuple[str, ...]:
        """Solids of `full` besides those of `fast`. Raises DatasetUnavailable."""
        others = [name for name in phonondb.solids() if name not in self.protocol.fast]
        ordered = by_hash(others)
        return tuple(sorted(ordered[: self.protocol.full - len(self.protocol.fast)]))

    def _crystal(self, name: str) -> phonons.PhononCrystal:
        """The primitive cell of that id at its reference geometry."""
        if name in self.protocol.canary:
            atoms = self.protocol.canary[name].built(name, cubic=True)
            repeats = np.eye(3, dtype=np.int64) * self.protocol.canary_supercell
            whole = phonons.PhononCrystal(atoms, repeats, np.array(FACE_CENTRED), self.protocol.symprec)
        else:
            solid = phonondb.solids()[name]
            whole = phonons.PhononCrystal(
                solid.atoms, solid.fc3_supercell, solid.primitive_matrix, self.protocol.symprec
            )
        return mitigation.primitive(whole)

    def _mesh(self, name: str) -> tuple[Array, Array]:
        """q points and weights: the reference's own, whatever symmetry the relaxed crystal has kept."""
        if name in self.protocol.canary:
            n = self.protocol.canary_mesh
            return phonons.mesh(self._crystal(name), (n, n, n))
        spectrum = phonondb.spectra()[name]
        return spectrum.qpoints, spectrum.weights

    def _averagings(self, name: str) -> tuple[Averaging, ...]:
        more = self.protocol.more_averaging if name in self.protocol.averaged_more else ()
        return self.protocol.averaging + more

    def run(self, samples: Sequence[Sample], potential: Computes) -> list[Record]:
        crystals = [self._crystal(sample.id) for sample in samples]
        found = mitigation.compute_all(
            potential, crystals, [self._averagings(sample.id) for sample in samples], self.settings
        )
        return [self._record(sample.id, computed) for sample, computed in zip(samples, found, strict=True)]

    def _record(self, name: str, computed: mitigation.Computed) -> Record:
        outputs = stored.raw_outputs(computed)
        reached = self._steps(name, outputs)
        cost = stored.spent(computed)
        if not any("frequencies" in cast("Row", step) for step in reached.values()):
            return failed(name, StructureFailure.from_text(str(cast("Row", reached["usual"])["error"])), cost)
        return succeeded(name, {**outputs, "rungs": reached}, cost)

    def _steps(self, name: str, outputs: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        qpoints, _ = self._mesh(name)
        analysis = mitigation.Analysis(self._crystal(name), qpoints=qpoints)
        return stored.steps(outputs, analysis, symprec=self.protocol.symprec)

    def analysed(self, record: Record) -> dict[str, JsonValue]:
        """The steps of an ok record anew, from its stored forces: seconds per crystal, no model."""
        return self._steps(record.sample, record.outputs)

    def table(self, records: Sequence[Record]) -> list[Row]:
        ordered = sorted(records, key=lambda record: record.sample)
        weight = stored.other_head_time(ordered)
        rows = [self._row(record, weight) for record in ordered]
        limits = GoodEnough(**self.protocol.good_enough.model_dump())
        chosen = recommended([row for row in rows if row["has_reference"]], [*LABELS], limits)
        return [row | _mitigated(row, chosen) for row in rows]

    def _row(self, record: Record, weight: float | None) -> Row:
        ref = reference(record.sample)
        row: Row = {
            "sample": record.sample,
            "status": record.status,
            "error": record.error,
            "has_reference": ref is not None,
            "space_group": None,
            "symmetry_kept": None,
            "other_head_time": None,
            "own_best": None,
            **{column(step, figure): None for step in LABELS for figure in FIGURES},
            **{f"{name}{kind}": None for name in RESIDUALS for kind in ("", "_shown")},
        }
        if record.status != "ok":
            return row
        outputs = record.outputs
        reached = cast("dict[str, dict[str, JsonValue]]", outputs["rungs"])
        qpoints, weights = self._mesh(record.sample)
        spectra = {name: unpack(step["frequencies"]) for name, step in reached.items() if "frequencies" in step}
        best = next((name for name in OWN_BEST if name in spectra), None)
        limits = phonon.Thresholds(**self.protocol.imaginary.model_dump())
        for step in mitigation.STEPS:
            if step.name not in spectra:
                continue
            pred = spectra[step.name]
            figures: Row = {
                "stable": phonon.stable(pred, qpoints, limits),
                "omega_min": float(pred.min()),
                "omega_max": float(pred.max()),
                **{
                    f"{name}_{when}": cast("Row", reached[step.name][when])[name]
                    for when in ("before", "after")
                    for name in RESIDUALS
                },
                **stored.price(step, outputs, other=weight),
            }
            if ref is not None:
                figures |= _errors(pred, ref)
            if best is not None and best != step.name:
                figures["own_mae"] = float(phonon.frequency_error(pred, spectra[best], weights)[1])
            row |= {column(step.name, name): figure for name, figure in figures.items()}
        row |= {name: row[column(FULL_SET_STEP, f"{name}_before")] for name in RESIDUALS}
        row |= {f"{name}_shown": row[column(REDUCED_SET_STEP, f"{name}_before")] for name in RESIDUALS}
        row |= {"own_best": best, "other_head_time": weight if "head" in spectra else None}
        return row | stored.symmetry(outputs)

    def ranked(self, rows: Sequence[Row]) -> list[Row]:
        """Solids of the reference; one of them without a number has failed."""
        return [row for row in rows if row["has_reference"]]

    def score(self, rows: Sequence[Row]) -> dict[str, Score]:
        return scores(rows, METRICS)


def reference(sample: str) -> phonondb.Spectrum | None:
    """PBE's spectrum; None for a crystal of the canary, which has none. Raises DatasetUnavailable."""
    return None if sample in TASK.protocol.canary else phonondb.spectra()[sample]


def _errors(pred: Array, ref: phonondb.Spectrum) -> Row:
    """Model minus PBE."""
    bias, mae = phonon.frequency_error(pred, ref.frequencies, ref.weights)
    return {
        "frequency_mae": float(mae),
        "frequency_bias": float(bias),
        "dos_w1": phonon.dos_w1(pred, ref.frequencies, ref.weights),
        "omega_max_error": float(pred.max() - ref.frequencies.max()),
    }


def _mitigated(row: Row, chosen: str | None) -> Row:
    """The columns of the metrics that depend on which step is recommended; `chosen` is the same for all crystals."""

    def at(step: str | None, figure: str) -> float | None:
        value = None if step is None else row[column(step, figure)]
        return None if value is None else abs(float(cast(float, value)))

    found: Row = {
        "recommended": chosen,
        "remedied_mae": at(chosen, "frequency_mae"),
        "remedied_cost": at(chosen, "cost"),
        "remedied_dos_w1": at(chosen, "dos_w1"),
        "remedied_omega_max_mae": at(chosen, "omega_max_error"),
        "remedied_stable": at(chosen, "stable"),
        "raw_mae": at("raw", "frequency_mae"),
        "usual_mae": at("usual", "frequency_mae"),
        "success": None if row[column("usual", "omega_max")] is None else 1.0,
    }
    usual, mitigated = at("usual", "frequency_mae"), at(chosen, "frequency_mae")
    found["usual_loss"] = None if usual is None or mitigated is None else usual - mitigated
    return found


TASK = Mitigation()
