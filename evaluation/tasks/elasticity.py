"""Elastic tensors of 3,953 binary solids: how stiff a crystal is, and whether it is mechanically stable at all.

Each crystal is relaxed, atoms and cell. Then its cell is strained by one component at a time, by ±0.5 and ±1 % along an
axis and by ±1 and ±2 % in shear (γ = 2ε), and the atoms relax in the strained cell. Hooke's law fitted to the 24
stresses gives the elastic tensor C. The stress is the model's own: of a model with a head for it, that head's.

Where stress is the derivative of an energy, C is symmetric. How far the fitted tensor is from that is reported as it
comes; everything else is computed from its symmetric part. Asymmetry has two causes. A stress that comes from a head of
its own need not belong to any energy. And where an energy surface is so rough that stiffness changes within 1 % of
strain, components that should be equal are averages over different strains: CHGNet's C11 of wurtzite GaP falls from
157 to 124 GPa between strains of 0.1 and 1 %. What Hooke's law leaves of the stresses, the non-linearity, tells the two
apart: on four crystals it was 2 to 6 % for SevenNet-0 and 7 to 20 % for CHGNet.

A crystal is mechanically stable when all eigenvalues of C are positive (Born): no small strain lowers its energy. From
a stable tensor follow the bulk modulus K and the shear modulus G of a polycrystal, as Voigt–Reuss–Hill averages. They
do not depend on how the crystal lies in its axes.

The reference are K and G of the Materials Project (PBE), as MatCalc collected them in January 2025. MatCalc left out
moduli above 500 GPa and a few structures that it found to be bad. What it kept is all used here, K from 0.5 to 411 GPa
and G from 0.2 to 474 GPa, magnetic crystals and metals among them: nothing is left out after a model has been seen.
Not every figure is right. Of 26 crystals G is more than 1.5 times K, which few real solids come near, and in layered
and molecular crystals PBE misses the forces between the layers. Strains, and what was done to the tensors afterwards,
are not the same there: differences of a few per cent mean little.

The fast subset are 120 crystals with at most 8 atoms in the cell, drawn by the hash of their name; four in five
crystals of the set are as small as that. MgO, Si, Cu and Al run besides, without a reference.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
from pydantic import JsonValue

from evaluation import formula
from evaluation.definitions import elasticity as definitions
from evaluation.definitions.elasticity import LINEAR, METRICS, ElasticityProtocol
from evaluation.metric import Score, average_score
from evaluation.metrics import elastic
from evaluation.outputs.elasticity import tensor, tensors_by_strain
from evaluation.physics.elastic import Response, one_by_one, respond
from evaluation.physics.relaxation import Relaxation
from evaluation.record import Record
from evaluation.recording import SampleCost, failed, succeeded
from evaluation.reference import dataset, pymatgen_json
from evaluation.reference.canary import canaries
from evaluation.subset import Subset, tiers
from evaluation.task import Row, Sample, column
from zoo.batch import StructureFailure

if TYPE_CHECKING:
    from ase import Atoms

    from zoo.batch import Computes

DATASET = "mp-elasticity"


class Elasticity:
    """The task; see the module's docstring."""

    name = "elasticity"
    title = "Elasticity"
    metrics = METRICS
    reference_theory = "PBE"

    @cached_property
    def protocol(self) -> ElasticityProtocol:
        return definitions.protocol()

    @property
    def dataset_sha256(self) -> str:
        return dataset.load(DATASET).identity

    def samples(self, subset: Subset) -> list[Sample]:
        found = canaries(self.protocol.canary)
        if subset == "canary":
            return found
        crystals = _crystals()
        small = [name for name, (atoms, _) in crystals.items() if len(atoms) <= self.protocol.fast_atoms]
        fast = small[: self.protocol.fast]
        ordered = [*fast, *(name for name in crystals if name not in fast)]
        for tier, name in tiers(ordered, fast=len(fast), subset=subset):
            atoms, reference = crystals[name]
            found.append(Sample(id=name, atoms=atoms, subset=tier, reference=reference))
        return found

    def run(self, samples: Sequence[Sample], potential: Computes) -> list[Record]:
        protocol = self.protocol
        strains = one_by_one(protocol.normal_strains, protocol.shear_strains)
        relaxation = Relaxation(fmax=protocol.fmax, steps=protocol.steps, optimizer=protocol.optimizer)
        found = respond(potential, [sample.atoms for sample in samples], strains=strains, relaxation=relaxation)
        return [_record(sample, response, strains) for sample, response in zip(samples, found, strict=True)]

    def table(self, records: Sequence[Record]) -> list[Row]:
        return [_row(record) for record in sorted(records, key=lambda record: record.sample)]

    def ranked(self, rows: Sequence[Row]) -> list[Row]:
        """Those with a reference."""
        return [row for row in rows if row["sample"] not in self.protocol.canary]

    def score(self, rows: Sequence[Row]) -> dict[str, Score]:
        metric = {m.name: m for m in self.metrics}
        compared = self.ranked(rows)
        return {
            **{name: average_score(column(compared, name), metric[name]) for name in ("k_error", "g_error")},
            **{
                f"{name}_mean": average_score(column(compared, name), metric[f"{name}_mean"])
                for name in ("k_error", "g_error")
            },
            **{
                name: average_score(column(rows, name), metric[name])
                for name in ("k_spread", "linear", "stable", "asymmetry", "nonlinearity", "converged")
            },
        }


def _record(sample: Sample, response: Response, strains: np.ndarray) -> Record:
    cost = SampleCost.of_cell(len(sample.atoms), force_calls=response.force_calls, seconds=response.seconds)
    relaxed = response.unstrained.atoms
    if response.error is not None or relaxed is None:
        return failed(sample.id, response.error or StructureFailure("failed", "no structure"), cost)
    outputs: dict[str, JsonValue] = {
        "numbers": relaxed.numbers.tolist(),
        "cell": relaxed.cell.array.tolist(),
        "positions": relaxed.positions.tolist(),
        "converged": response.converged,
        "steps": response.unstrained.steps,
        "strains": strains.tolist(),
        "stresses": response.stresses.tolist(),
        "energies": [each.energies[-1] for each in response.strained],
        "strained_converged": [each.converged for each in response.strained],
        "strained_steps": [each.steps for each in response.strained],
        **sample.reference,
    }
    return succeeded(sample.id, outputs, cost)


def _row(record: Record) -> Row:
    row: Row = {
        "sample": record.sample,
        "status": record.status,
        "error": record.error,
        **dict.fromkeys(("formula", "k_pred_gpa", "k_ref_gpa", "k_error", "g_pred_gpa", "g_ref_gpa", "g_error")),
        **dict.fromkeys(("k_small_gpa", "k_large_gpa", "k_spread", "linear")),
        **dict.fromkeys(("stable", "softest_gpa", "anisotropy", "asymmetry", "nonlinearity", "converged", "steps")),
    }
    if record.status != "ok":
        return row
    raw = tensor(record)
    symmetric = elastic.symmetrised(raw.tensor)
    softest = elastic.softest(symmetric)
    reference = {name: cast("float | None", record.outputs.get(name)) for name in ("k_ref_gpa", "g_ref_gpa")}
    row |= {
        "formula": formula.reduced(cast("list[int]", record.outputs["numbers"])),
        **reference,
        "stable": softest > 0,
        "softest_gpa": softest,
        "asymmetry": elastic.asymmetry(raw.tensor) * 100,
        "nonlinearity": raw.residual * 100,
        "converged": bool(record.outputs["converged"]),
        "steps": max(cast("list[int]", record.outputs["strained_steps"])),
    }
    moduli = elastic.moduli(symmetric)
    if moduli is None:
        return {**row, "error": f"mechanically unstable: an eigenvalue of C is {softest:.1f} GPa"}
    k_ref, g_ref = reference.values()
    return {
        **row,
        **_by_strain(record, moduli.k, nonlinearity=raw.residual * 100),
        "k_pred_gpa": moduli.k,
        "g_pred_gpa": moduli.g,
        "k_error": None if k_ref is None else abs(moduli.k - k_ref),
        "g_error": None if g_ref is None else abs(moduli.g - g_ref),
        "anisotropy": moduli.anisotropy,
    }


def _by_strain(record: Record, k: float, *, nonlinearity: float) -> Row:
    """The bulk modulus (GPa) from the smaller and from the larger strains alone, and whether the two are one."""
    small, large = (
        found.k if (found := elastic.moduli(elastic.symmetrised(part.tensor))) else None
        for part in tensors_by_strain(record)
    )
    spread = None if small is None or large is None else abs(large - small) / k * 100
    return {
        "k_small_gpa": small,
        "k_large_gpa": large,
        "k_spread": spread,
        "linear": spread is not None and spread <= LINEAR and nonlinearity <= LINEAR,
    }


@cache
def _crystals() -> dict[str, tuple[Atoms, dict[str, float]]]:
    """Structure and reference figures by Materials Project id, in the order of the ids' hashes."""
    with gzip.open(dataset.fetch(DATASET, "crystals"), "rt") as file:
        entries = json.load(file)
    entries.sort(key=lambda entry: hashlib.sha256(entry["mp_id"].encode()).hexdigest())
    return {
        entry["mp_id"]: (
            pymatgen_json.crystal(entry["structure"]),
            {"k_ref_gpa": entry["bulk_modulus_vrh"], "g_ref_gpa": entry["shear_modulus_vrh"]},
        )
        for entry in entries
    }


TASK = Elasticity()
