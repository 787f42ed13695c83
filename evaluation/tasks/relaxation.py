"""Relaxation of 103 binary solids: does the model's crystal end where DFT's does, and does the way there end at all?

Each rocksalt, zincblende and wurtzite crystal of PhononDB (PBE) is relaxed twice, atoms and cell, without any symmetry
constraint: from the DFT geometry, and from that geometry strained, sheared and rattled. Both must come back to the DFT
crystal. RMSD says how far the atoms end from their places; volume and cell errors say how far the lattice does. The two
starts ask two questions, and symmetry that was kept is another thing than symmetry that was found again: they have
metrics of their own. Forces end below 1e-3 eV/Å, where tightening tenfold moves the mean volume errors by 1 % (see
Convergence): at 0.02, version 1 of the protocol, most crystals stopped where they started, with a volume error of
exactly zero.

Ranked is the median volume error from the perturbed start, from which a model has to find the crystal. Most atoms sit
on places that symmetry fixes: where a model keeps the structure, a median RMSD is what the optimiser left over; a mean
counts the few crystals that became another structure. A relaxation that failed is worse than any other in a median and
counts as 1 in a mean RMSD; it leaves a mean volume error, which has no worst value.

A crystal keeps its space group only as well as the precision of the question: whether the relaxed crystal has DFT's
space group is asked at nine precisions from 1e-5 to 1e-1 Å. A model whose forces are not exactly equivariant loses
symmetry at tight precisions first, and phonon calculations need it there.

A relaxation is well posed when forces are the gradient of an energy: the energy falls, and forces vanish at its
minimum. Where they are not, the energy rises on the way, forces stop falling at a floor, or the structure circles
without end. All of it is counted; structures that did not converge are compared with DFT all the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np

from evaluation.definitions import relaxation as definitions
from evaluation.definitions.relaxation import METRICS, RelaxationProtocol, symmetry_column
from evaluation.metric import Score, average_score
from evaluation.metrics import geometry
from evaluation.outputs import relaxation
from evaluation.physics.relax import relax
from evaluation.physics.relaxation import Relaxation
from evaluation.record import Record
from evaluation.recording import relaxed_record
from evaluation.reference import dataset, phonondb
from evaluation.subset import Subset, tiers
from evaluation.task import Row, Sample

if TYPE_CHECKING:
    from ase import Atoms

    from zoo.batch import Computes


HEADLINE = METRICS[0].name
"""|volume error|, perturbed start."""


class RelaxationTask:
    """The task; see the module's docstring."""

    name = "relaxation"
    title = "Relaxation"
    metrics = METRICS
    reference_theory = "PBE"

    @cached_property
    def protocol(self) -> RelaxationProtocol:
        return definitions.protocol()

    @property
    def dataset_sha256(self) -> str:
        return dataset.load(phonondb.DATASET).identity

    def samples(self, subset: Subset) -> list[Sample]:
        crystals: list[tuple[Subset, tuple[str, Atoms]]] = [
            ("canary", (name, crystal.built(name, cubic=True))) for name, crystal in self.protocol.canary.items()
        ]
        if subset != "canary":
            crystals += tiers(_solids().items(), fast=self.protocol.fast, subset=subset)
        return [
            Sample(id=f"{name}/{start}", atoms=self._start(f"{name}/{start}", atoms), subset=tier)
            for tier, (name, atoms) in crystals
            for start in self.protocol.starts
        ]

    def _start(self, sample: str, reference: Atoms) -> Atoms:
        atoms: Atoms = reference.copy()
        if not sample.endswith("/perturbed"):
            return atoms
        protocol = self.protocol
        rng = np.random.default_rng(int(hashlib.sha256(sample.encode()).hexdigest(), 16))
        strain = np.eye(3) * rng.uniform(-protocol.isotropic_strain, protocol.isotropic_strain)
        upper = np.triu_indices(3, k=1)
        strain[upper] = rng.uniform(-protocol.shear_strain, protocol.shear_strain, size=3)
        strain.T[upper] = strain[upper]
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        atoms.positions += rng.normal(0, protocol.rattle, atoms.positions.shape)
        return atoms

    def _reference(self, sample: str) -> Atoms:
        name = sample.partition("/")[0]
        if name in self.protocol.canary:
            return self.protocol.canary[name].built(name, cubic=True)
        return _solids()[name]

    def run(self, samples: Sequence[Sample], potential: Computes) -> list[Record]:
        protocol = self.protocol
        settings = Relaxation(fmax=protocol.fmax, steps=protocol.steps, optimizer=protocol.optimizer)
        found = relax(potential, [sample.atoms for sample in samples], settings)
        return [
            relaxed_record(sample.id, each, reference=self._reference(sample.id))
            for sample, each in zip(samples, found, strict=True)
        ]

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
            **dict.fromkeys(("rmsd", "volume_error", HEADLINE, "lattice_error", "recovered_symprec")),
            **dict.fromkeys(symmetry_column(symprec) for symprec in self.protocol.symprecs),
            **dict.fromkeys(("converged", "steps", "floor", "uphill", "limit_cycle")),
        }
        if record.status != "ok":
            return row
        trace = relaxation.forces(record)
        predicted, reference = relaxation.predicted(record), relaxation.reference(record)
        volume_error = geometry.volume_error(predicted, reference)
        return {
            **row,
            "rmsd": geometry.rmsd(predicted, reference),
            "volume_error": volume_error,
            HEADLINE: abs(volume_error) if start == "perturbed" else None,
            "lattice_error": geometry.lattice_error(predicted, reference),
            **self._symmetry(predicted, reference),
            "converged": bool(record.outputs["converged"]),
            "steps": len(trace) - 1,
            "floor": min(trace),
            "uphill": relaxation.uphill(record) * 1000,
            "limit_cycle": relaxation.is_limit_cycle(record, steps=self.protocol.cycle_steps),
        }

    def _symmetry(self, predicted: geometry.Crystal, reference: geometry.Crystal) -> Row:
        """The change at each precision, and the smallest precision at which the reference's own group is found."""
        own = geometry.space_group(reference, self.protocol.reference_symprec)
        row: Row = {"recovered_symprec": None}
        for symprec in self.protocol.symprecs:
            found = geometry.space_group(predicted, symprec)
            row[symmetry_column(symprec)] = geometry.symmetry_change(found, geometry.space_group(reference, symprec))
            if row["recovered_symprec"] is None and geometry.symmetry_change(found, own) == "match":
                row["recovered_symprec"] = symprec
        return row

    def ranked(self, rows: Sequence[Row]) -> list[Row]:
        """Those from the perturbed start."""
        return [row for row in rows if row["start"] == "perturbed"]

    def score(self, rows: Sequence[Row]) -> dict[str, Score]:
        metric = {m.name: m for m in self.metrics}
        loose, tight = (
            symmetry_column(symprec) for symprec in (self.protocol.reference_symprec, self.protocol.tight_symprec)
        )
        values: dict[str, list[float | None]] = {
            name: [_size(row[name]) for row in rows]
            for name in ("lattice_error", "converged", "steps", "uphill", "limit_cycle")
        }
        for change in ("decrease", "increase"):
            values[f"symmetry_{change}"] = [_is(row[loose], change) for row in rows]
        for start in self.protocol.starts:
            ones = [row for row in rows if row["start"] == start]
            for name in ("rmsd", "volume_error"):
                values[f"{name}_{start}"] = values[f"{name}_{start}_mean"] = [_size(row[name]) for row in ones]
            values[f"symmetry_match_{start}"] = [_is(row[loose], "match") for row in ones]
            values[f"symmetry_match_tight_{start}"] = [_is(row[tight], "match") for row in ones]
        return {name: average_score(found, metric[name]) for name, found in values.items()}


def _is(value: object, wanted: str) -> float | None:
    return None if value is None else float(value == wanted)


def _size(value: object) -> float | None:
    return None if value is None else abs(cast("float", value))


def _solids() -> dict[str, Atoms]:
    """DFT geometries by composition and mp-id, in the order of these names' hashes."""
    found = {f"{solid.composition}-{solid.mp_id}": solid.atoms for solid in phonondb.solids().values()}
    return dict(sorted(found.items(), key=lambda item: hashlib.sha256(item[0].encode()).hexdigest()))


TASK = RelaxationTask()
