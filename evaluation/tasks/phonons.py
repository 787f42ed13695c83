"""Phonons of 103 binary solids against PBE, and what a potential's force constants lack before symmetry mends them.

Each crystal (37 in the rocksalt, 33 in the zincblende and 33 in the wurtzite structure) is relaxed with its space group
kept. Then atoms of a supercell of 300 or 512 atoms are displaced by 0.03 Å, and the forces give the harmonic force
constants. Two sets of displacements are computed. The *reduced* set is the usual one: symmetry supplies all that is not
displaced, the force constants are symmetrised, and the frequencies are compared with those of PBE on the reference's
own mesh of q points (without the non-analytic correction, on both sides). The same set at 0.01 Å says whether there is
a harmonic limit: the change of the frequencies stands beside them, and a crystal in which it is above 0.1 THz on
average is counted. The *full* set displaces every atom of the primitive cell by plus and minus along each axis and uses
no symmetry; the residuals of its force constants say what the potential itself knows of Newton's third law, of energy
conservation and of the crystal's symmetry. The reduced set hides such faults up to tenfold; its residuals stand beside
those of the full one. An energy that is not smooth within the displacement breaks the same rules, whether or not the
forces are its gradient: then both sets show it.

The median of the errors ranks, in which a crystal without phonons is worse than any other: it left the mean, which
stands beside, and so could make it better.

A frequency that is imaginary without need says that the potential has the crystal fall into another structure. All 103
solids are stable in PBE, so that precision is 1 here by construction and recall carries the verdict. Four further
crystals (MgO, Si, NaCl, Cu) need no download, have no reference, and enter the residuals only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
from pydantic import JsonValue

from evaluation.definitions import phonons as definitions
from evaluation.definitions.phonons import METRICS, PhononsProtocol
from evaluation.metric import Score
from evaluation.metrics import phonon
from evaluation.metrics.phonon_scores import compared, scores
from evaluation.outputs.phonons import reference, spectrum, structure
from evaluation.outputs.quantized_array import pack, unpack
from evaluation.physics import phonons
from evaluation.physics.relax import relax
from evaluation.physics.relaxation import Relaxation, Relaxed
from evaluation.record import Record
from evaluation.recording import SampleCost, extended, failed, succeeded
from evaluation.reference import dataset, phonondb
from evaluation.reference.draw import by_hash
from evaluation.subset import Subset, up_to
from evaluation.task import Row, Sample
from zoo.batch import StructureFailure

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import NDArray

    from zoo.batch import Batch, Computes

    Array = NDArray[np.float64]
    Matrix = NDArray[np.int64]
    _Plan = tuple[phonons.PhononCrystal, phonons.Displacements]

FORCE_QUANTUM = 1e-6
"""eV/Å: what stored forces are rounded to. A force constant moves by 2e-5 eV/Å² at most."""
FREQUENCY_QUANTUM = 1e-6
"""THz: what stored frequencies are rounded to."""
QPOINT_QUANTUM = 1e-9
FACE_CENTRED = ((0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0))
RESIDUALS = (
    "fc_asymmetry",
    "asr_violation",
    "translation_violation",
    "space_group_residual",
    "degeneracy_splitting",
)

SPECTRAL = ("stable", "strict_stable", "omega_max", "omega_min", "heat_capacity", "entropy", "free_energy_kj")
"""Figures of one spectrum; a row has them with `_pred` and with `_ref`."""
COLUMNS = (
    *(f"{name}_{which}" for name in SPECTRAL for which in ("pred", "ref")),
    *("frequency_mae", "frequency_bias", "dos_w1"),
    *("frequency_mae_second", "frequency_change", "displacement_dependent"),
    *("omega_max_error", "heat_capacity_error", "entropy_error", "free_energy_error_kj"),
    *(f"{name}{which}" for name in RESIDUALS for which in ("", "_reduced")),
    *("equilibrium_force", "n_displacements", "symmetry_tax", "converged", "steps"),
)
"""Of a row, besides sample, status, error and mp_id. Errors are model minus PBE; units as the metrics'."""


class Phonons:
    """The task; see the module's docstring."""

    name = "phonons"
    title = "Harmonic phonons"
    metrics = METRICS
    reference_theory = "PBE"

    @cached_property
    def protocol(self) -> PhononsProtocol:
        return definitions.protocol()

    @property
    def dataset_sha256(self) -> str:
        return dataset.load(phonondb.DATASET).identity

    def samples(self, subset: Subset) -> list[Sample]:
        """Canary in the protocol's order; the solids of a tier by name. Only the canary needs no data set."""
        found = [Sample(id=name, atoms=self._crystal(name).atoms, subset="canary") for name in self.protocol.canary]
        if subset == "canary":
            return found
        solids = phonondb.solids()
        ordered = by_hash(solids)
        fast, rest = sorted(ordered[: self.protocol.fast]), sorted(ordered[self.protocol.fast :])
        tiers: list[tuple[Subset, list[str]]] = [("fast", fast), ("full", rest)]
        for tier, names in tiers:
            if tier not in up_to(subset):
                break
            found += [Sample(id=name, atoms=solids[name].atoms, subset=tier) for name in names]
        return found

    def _crystal(self, name: str) -> phonons.PhononCrystal:
        """The crystal of that id at its reference geometry."""
        if name in self.protocol.canary:
            atoms = self.protocol.canary[name].built(name, cubic=True)
            repeats = np.eye(3, dtype=np.int64) * self.protocol.canary_supercell
            return self._in_cells(atoms, repeats, np.array(FACE_CENTRED))
        solid = phonondb.solids()[name]
        return self._in_cells(solid.atoms, solid.fc2_supercell, solid.primitive_matrix)

    def _in_cells(self, atoms: Atoms, supercell_matrix: Matrix, primitive_matrix: Array) -> phonons.PhononCrystal:
        return phonons.PhononCrystal(atoms, supercell_matrix, primitive_matrix, self.protocol.symprec)

    def _mesh(self, name: str, crystal: phonons.PhononCrystal) -> tuple[Array, Array]:
        """q points and weights: the reference's own, whatever symmetry the relaxed crystal has kept."""
        if name in self.protocol.canary:
            n = self.protocol.canary_mesh
            return phonons.mesh(crystal, (n, n, n))
        spectrum = phonondb.spectra()[name]
        return spectrum.qpoints, spectrum.weights

    def run(self, samples: Sequence[Sample], potential: Computes) -> list[Record]:
        return self._with_second(*self._first(samples, potential), potential)

    def extend(self, records: Sequence[Record], potential: Computes) -> list[Record]:
        """Records with the frequencies of the second displacement; those of version 1 become those of version 2.

        A crystal whose second set fails has failed.
        """
        crystals = {k: self._relaxed(record) for k, record in enumerate(records) if record.status == "ok"}
        return self._with_second(records, crystals, potential)

    def _with_second(
        self, records: Sequence[Record], crystals: Mapping[int, phonons.PhononCrystal], potential: Computes
    ) -> list[Record]:
        """`crystals`: of the ok records, by their place; their symmetry may be known already, which takes seconds."""
        distance = self.protocol.second_displacement
        assert distance is not None
        moved = {k: phonons.reduced_displacements(crystal, distance=distance) for k, crystal in crystals.items()}
        cells = {k: phonons.supercells(crystal, moved[k])[1:] for k, crystal in crystals.items()}
        stream = [atoms for k in crystals for atoms in cells[k]]
        answers = potential.compute(stream) if stream else None
        found, first = list(records), 0
        for k, crystal in crystals.items():
            assert answers is not None
            rows = slice(first, first + len(cells[k]))
            first = rows.stop
            outcome = self._second(records[k], crystal, moved[k], answers, rows)
            found[k] = extended(records[k], outcome, SampleCost.of_answers(cells[k], answers, rows))
        return found

    def _second(
        self,
        record: Record,
        crystal: phonons.PhononCrystal,
        moved: phonons.Displacements,
        answers: Batch,
        rows: slice,
    ) -> dict[str, JsonValue] | StructureFailure:
        """The outputs of the second displacement, or why there are none."""
        forces = _forces(answers, rows)
        if isinstance(forces, StructureFailure):
            return forces
        packed = pack(forces, quantum=FORCE_QUANTUM)
        found = phonons.reduced_set_frequencies(
            crystal, moved, unpack(packed), qpoints=unpack(record.outputs["qpoints"])
        )
        return {
            "second_displaced_atoms": list(moved.atoms),
            "second_displacements": moved.vectors.tolist(),
            "second_forces": packed,
            "second_frequencies": pack(found, quantum=FREQUENCY_QUANTUM),
        }

    def _first(
        self, samples: Sequence[Sample], potential: Computes
    ) -> tuple[list[Record], dict[int, phonons.PhononCrystal]]:
        """Records without the second displacement, and the crystals of the ok ones by their place."""
        settings = Relaxation(**self.protocol.relaxation.model_dump())
        relaxed = relax(potential, [sample.atoms for sample in samples], settings)
        plans = [self._plan(sample.id, one) for sample, one in zip(samples, relaxed, strict=True)]
        streams = [phonons.supercells(*plan) if isinstance(plan, tuple) else [] for plan in plans]
        stream = [atoms for cells in streams for atoms in cells]
        answers = potential.compute(stream) if stream else None
        records: list[Record] = []
        crystals, first = {}, 0
        for sample, one, plan, cells in zip(samples, relaxed, plans, streams, strict=True):
            rows = slice(first, first + len(cells))
            first = rows.stop
            cost = SampleCost.of_cell(len(sample.atoms), force_calls=one.force_calls, seconds=one.seconds)
            if answers:
                cost += SampleCost.of_answers(cells, answers, rows)
            outcome = self._outcome(sample.id, one, plan, answers, rows)
            if isinstance(outcome, StructureFailure):
                records.append(failed(sample.id, outcome, cost))
                continue
            assert isinstance(plan, tuple)
            record = succeeded(sample.id, outcome, cost)
            if record.status == "ok":  # what led to no number has failed
                crystals[len(records)] = plan[0]
            records.append(record)
        return records, crystals

    def _plan(self, name: str, relaxed: Relaxed) -> _Plan | StructureFailure:
        """The relaxed crystal and its displacements, or why there are none."""
        if relaxed.atoms is None or relaxed.error:
            return relaxed.error or StructureFailure("failed", "the relaxation gave no structure")
        ideal = self._crystal(name)
        crystal = self._in_cells(relaxed.atoms, ideal.supercell_matrix, ideal.primitive_matrix)
        try:
            return crystal, phonons.displacements(crystal, distance=self.protocol.displacement)
        except phonons.NoPrimitiveCell as reason:
            return StructureFailure("failed", str(reason))

    def _fewest(self, name: str) -> int:
        """Displacements that the reference's symmetry needs, from its unit cell: our supercells all keep its group."""
        ideal = self._crystal(name)
        unit = self._in_cells(ideal.atoms, np.eye(3, dtype=np.int64), ideal.primitive_matrix)
        return len(phonons.reduced_displacements(unit, distance=self.protocol.displacement).reduced)

    def _outcome(
        self,
        name: str,
        relaxed: Relaxed,
        plan: _Plan | StructureFailure,
        answers: Batch | None,
        rows: slice,
    ) -> dict[str, JsonValue] | StructureFailure:
        """A record's outputs, or why there are none."""
        if isinstance(plan, StructureFailure):
            return plan
        assert answers is not None
        forces = _forces(answers, rows)
        if isinstance(forces, StructureFailure):
            return forces
        crystal, moved = plan
        packed = pack(forces, quantum=FORCE_QUANTUM)
        qpoints, weights = self._mesh(name, crystal)
        outputs: dict[str, JsonValue] = {
            "relaxation": {
                "converged": relaxed.converged,
                "steps": relaxed.steps,
                "max_force": relaxed.max_forces[-1],
                "max_cell_force": relaxed.max_cell_forces[-1],
            },
            "numbers": crystal.atoms.numbers.tolist(),
            "cell": crystal.atoms.cell.array.tolist(),
            "positions": crystal.atoms.positions.tolist(),
            "supercell_matrix": crystal.supercell_matrix.tolist(),
            "primitive_matrix": crystal.primitive_matrix.tolist(),
            "displaced_atoms": list(moved.atoms),
            "displacements": moved.vectors.tolist(),
            "full_set": list(moved.full),
            "reduced_set": list(moved.reduced),
            "fewest_displacements": self._fewest(name),
            "forces": packed,
            "qpoints": pack(qpoints, quantum=QPOINT_QUANTUM),
            "weights": weights.tolist(),
        }
        found = phonons.dynamics(crystal, moved, unpack(packed), qpoints=qpoints)
        return outputs | _analysis(found)

    def analysed(self, record: Record) -> phonons.Dynamics:
        """The analysis of an ok record anew, from its stored forces: seconds per crystal, no model."""
        outputs = record.outputs
        moved = phonons.Displacements(
            atoms=tuple(cast("list[int]", outputs["displaced_atoms"])),
            vectors=np.array(outputs["displacements"]),
            full=tuple(cast("list[int]", outputs["full_set"])),
            reduced=tuple(cast("list[int]", outputs["reduced_set"])),
        )
        forces, qpoints = unpack(outputs["forces"]), unpack(outputs["qpoints"])
        return phonons.dynamics(self._relaxed(record), moved, forces, qpoints=qpoints)

    def _relaxed(self, record: Record) -> phonons.PhononCrystal:
        """The crystal of an ok record as it was displaced."""
        matrices = (np.array(record.outputs[f"{name}_matrix"]) for name in ("supercell", "primitive"))
        return self._in_cells(structure(record), *matrices)

    def table(self, records: Sequence[Record]) -> list[Row]:
        return [self._row(record) for record in sorted(records, key=lambda record: record.sample)]

    def _row(self, record: Record) -> Row:
        row: Row = {"sample": record.sample, "status": record.status, "error": record.error, "mp_id": None}
        row |= dict.fromkeys(COLUMNS)
        ref = reference(record.sample)
        if ref is not None:
            row["mp_id"] = phonondb.solids()[record.sample].mp_id
            row |= {f"{name}_ref": figure for name, figure in self._spectral(ref).items()}
        if record.status != "ok":
            return row
        pred = spectrum(record)
        row |= {f"{name}_pred": figure for name, figure in self._spectral(pred).items()}
        row |= _symmetry(record) | ({} if ref is None else _errors(row, pred, ref))
        return row | self._change(record, pred, ref)

    def _change(self, record: Record, pred: phonondb.Spectrum, ref: phonondb.Spectrum | None) -> Row:
        """What the second displacement changes; nothing in records of version 1."""
        if "second_frequencies" not in record.outputs:
            return {}
        second = unpack(record.outputs["second_frequencies"])
        _, change = phonon.frequency_error(second, pred.frequencies, pred.weights)
        found: Row = {
            "frequency_change": float(change),
            "displacement_dependent": bool(change > cast(float, self.protocol.change_flagged)),
        }
        if ref is not None:
            found["frequency_mae_second"] = float(phonon.frequency_error(second, ref.frequencies, ref.weights)[1])
        return found

    def _spectral(self, of: phonondb.Spectrum) -> Row:
        """What one spectrum says; its keys are SPECTRAL."""
        limits, strict = (
            phonon.Thresholds(**numbers.model_dump())
            for numbers in (self.protocol.imaginary, self.protocol.imaginary_strict)
        )
        heat = phonon.thermal(of.frequencies, of.qpoints, of.weights, temperature=self.protocol.temperature)
        return {
            "stable": phonon.stable(of.frequencies, of.qpoints, limits),
            "strict_stable": phonon.stable(of.frequencies, of.qpoints, strict),
            "omega_max": float(of.frequencies.max()),
            "omega_min": float(of.frequencies.min()),
            "heat_capacity": heat and heat.heat_capacity,
            "entropy": heat and heat.entropy,
            "free_energy_kj": heat and heat.free_energy_kj,
        }

    def ranked(self, rows: Sequence[Row]) -> list[Row]:
        """Those with a reference."""
        return compared(rows)

    def score(self, rows: Sequence[Row]) -> dict[str, Score]:
        return scores(rows, METRICS)


def _forces(answers: Batch, rows: slice) -> Array | StructureFailure:
    """Forces (n, n_atoms, 3), eV/Å, of displaced supercells of one crystal, or why there are none."""
    if errors := [error for error in answers.errors[rows] if error]:
        return errors[0]
    forces = np.array(answers.forces[rows])
    return forces if np.isfinite(forces).all() else StructureFailure("failed", "a force is not a number")


def _analysis(found: phonons.Dynamics) -> dict[str, JsonValue]:
    """What takes the symmetry of a supercell to compute (seconds for 512 atoms), so that scoring need not."""
    return {
        "frequencies": pack(found.frequencies, quantum=FREQUENCY_QUANTUM),
        "residuals_full": asdict(found.full),
        "residuals_reduced": asdict(found.reduced),
        "equilibrium_force": found.equilibrium_force,
    }


def _symmetry(record: Record) -> Row:
    """Residuals and the number of displacements of an ok record."""
    outputs = record.outputs
    full, reduced, relaxation = (
        cast("Row", outputs[name]) for name in ("residuals_full", "residuals_reduced", "relaxation")
    )
    n_displacements = len(cast("list[int]", outputs["reduced_set"]))
    return {
        **{name: full[name] for name in RESIDUALS},
        **{f"{name}_reduced": reduced[name] for name in RESIDUALS},
        "equilibrium_force": outputs["equilibrium_force"],
        "n_displacements": n_displacements,
        "symmetry_tax": n_displacements / cast(int, outputs["fewest_displacements"]),
        "converged": relaxation["converged"],
        "steps": relaxation["steps"],
    }


def _errors(row: Row, pred: phonondb.Spectrum, ref: phonondb.Spectrum) -> Row:
    """Model minus PBE; raises ValueError when the two spectra are not on the same q points."""
    if pred.qpoints.shape != ref.qpoints.shape or np.abs(pred.qpoints - ref.qpoints).max() > 2 * QPOINT_QUANTUM:
        raise ValueError(f"{row['sample']}: the record's q points are not the reference's")
    bias, mae = phonon.frequency_error(pred.frequencies, ref.frequencies, ref.weights)
    return {
        "frequency_mae": float(mae),
        "frequency_bias": float(bias),
        "dos_w1": phonon.dos_w1(pred.frequencies, ref.frequencies, ref.weights),
        "omega_max_error": _difference(row, "omega_max"),
        "heat_capacity_error": _difference(row, "heat_capacity"),
        "entropy_error": _difference(row, "entropy"),
        "free_energy_error_kj": _difference(row, "free_energy_kj"),
    }


def _difference(row: Row, name: str) -> float | None:
    pred, ref = (cast("float | None", row[f"{name}_{which}"]) for which in ("pred", "ref"))
    return None if pred is None or ref is None else pred - ref


TASK = Phonons()
