"""Formation energies of 972 random crystals of WBM: the small sibling of Matbench Discovery.

WBM holds crystals made by exchanging elements in known structures, most of them unlike anything in the Materials
Project. Each is relaxed with the model, atoms and cell, from its DFT geometry; the energy at the end, less the
elements' DFT energies, is the formation energy. It is compared with DFT's, after the Materials Project 2020
corrections (for anions and for metals that DFT treats with a Hubbard U). They are added to a model's energies as they
were to DFT's, unless its training energies contained them: the card says so. A model whose card does not say what its
energies stand for has no formation energy here, and neither has a crystal whose energy is more than 5 eV/atom off.

Energies of the elements belong to the settings of a calculation, and a model's have to be those that it learned from.
Models that were trained on MatPES are given MatPES's elements; at the DFT geometries this takes TensorNet-MatPES-PBE
from 256 to 76 meV/atom. MatPES has no Hubbard U, so that the 19 crystals of which the reference has one are left out
for them: without a U, oxides of transition metals are 0.45 eV/atom off, and that is no model's error. What remains of
the settings' difference is counted as the model's: for crystals with samarium, terbium or dysprosium, whose f
electrons the two sets treat in different ways, it is about 0.2 eV/atom. Models of another functional than PBE, and
those on OMat24's scale, have no formation energy here.

The median ranks, in which a relaxation that failed or diverged is worse than any other: it left the mean, which stands
beside, and so could make it better.

This is not the figure of Matbench Discovery, which relaxes from WBM's initial structures instead of DFT's: SevenNet-0
has a mean of 44.0 meV/atom here and, by its archived predictions, 50.0 there, on the same 240 crystals. A variant that
starts from WBM's initial structures is not here, because the data set has the DFT geometries alone.

The sample is random: archived predictions of published models have the same mean error on it as on all 256,963
crystals, within a few meV/atom. Volume and RMSD say how far the relaxation moved away from the DFT crystal.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, cast

from evaluation import formula
from evaluation.definitions import formation as definitions
from evaluation.definitions.formation import METRICS, FormationProtocol
from evaluation.metric import Score, average_score, mean_score
from evaluation.metrics import geometry
from evaluation.outputs import relaxation
from evaluation.physics.relax import relax
from evaluation.physics.relaxation import Relaxation
from evaluation.record import Record
from evaluation.recording import relaxed_record
from evaluation.reference import dataset, formation_energy, pymatgen_json
from evaluation.reference.canary import canaries
from evaluation.subset import Subset, tiers
from evaluation.task import Row, Sample, column

if TYPE_CHECKING:
    from ase import Atoms

    from zoo.batch import Computes

DATASET = "wbm-972"


@dataclass(frozen=True)
class Material:
    """A crystal of WBM at its DFT geometry."""

    id: str
    atoms: Atoms
    reference: formation_energy.FormationReference


class Formation:
    """The task; see the module's docstring."""

    name = "formation"
    title = "Formation energies"
    metrics = METRICS
    reference_theory = "PBE"

    @cached_property
    def protocol(self) -> FormationProtocol:
        return definitions.protocol()

    @property
    def dataset_sha256(self) -> str:
        return dataset.load(DATASET).identity

    def samples(self, subset: Subset) -> list[Sample]:
        found = canaries(self.protocol.canary)
        if subset != "canary":
            for tier, one in tiers(materials().values(), fast=self.protocol.fast, subset=subset):
                found.append(Sample(id=one.id, atoms=one.atoms, subset=tier, reference=one.reference.figures))
        return found

    def run(self, samples: Sequence[Sample], potential: Computes) -> list[Record]:
        settings = Relaxation(fmax=self.protocol.fmax, steps=self.protocol.steps, optimizer=self.protocol.optimizer)
        said = formation_energy.energies_are(potential, samples)
        found = relax(potential, [sample.atoms for sample in samples], settings)
        return [
            relaxed_record(
                sample.id,
                each,
                reference=sample.atoms,
                **said,
                **sample.reference,
            )
            for sample, each in zip(samples, found, strict=True)
        ]

    def table(self, records: Sequence[Record]) -> list[Row]:
        return [self._row(record) for record in sorted(records, key=lambda record: record.sample)]

    def _row(self, record: Record) -> Row:
        row: Row = {
            "sample": record.sample,
            "status": record.status,
            "error": record.error,
            **dict.fromkeys(("formula", *formation_energy.COLUMNS)),
            **dict.fromkeys(("comparable", "volume_error", "rmsd", "converged", "steps")),
        }
        if record.sample not in self.protocol.canary:
            row["comparable"] = record.status != "ok" or not formation_energy.incomparable(record)
        if record.status != "ok":
            return row
        predicted, reference = relaxation.predicted(record), relaxation.reference(record)
        return {
            **row,
            "formula": formula.reduced(reference.numbers),
            **formation_energy.row(record, diverged=self.protocol.diverged),
            "volume_error": geometry.volume_error(predicted, reference),
            "rmsd": geometry.rmsd(predicted, reference),
            "converged": bool(record.outputs["converged"]),
            "steps": relaxation.steps(record),
        }

    def ranked(self, rows: Sequence[Row]) -> list[Row]:
        """Those with a reference that the model's energy can be compared with; what failed is among them."""
        return [row for row in rows if row["comparable"]]

    def score(self, rows: Sequence[Row]) -> dict[str, Score]:
        metric = {m.name: m for m in self.metrics}
        scored = self.ranked(rows)
        energies = {
            **{
                name: average_score(column(scored, "e_form_error"), metric[name])
                for name in ("e_form_error", "e_form_error_mean")
            },
            "e_form_bias": formation_energy.size(
                mean_score(column(scored, "e_form_signed_error"), metric["e_form_bias"])
            ),
        }
        volumes = [None if value is None else abs(value) for value in column(rows, "volume_error")]
        return {
            **energies,
            "volume_error": mean_score(volumes, metric["volume_error"]),
            "rmsd": mean_score(column(rows, "rmsd"), metric["rmsd"]),
            "converged": mean_score(column(rows, "converged"), metric["converged"]),
        }


@cache
def materials() -> dict[str, Material]:
    """The 972 by their WBM id, in the order of the ids' hashes.

    The elements' energies are the lowest of the reference file's; with them DFT's own energies give the published
    formation energies to 1e-6 eV/atom.
    """
    with gzip.open(dataset.fetch(DATASET, "crystals"), "rt") as crystals:
        entries = json.load(crystals)
    with gzip.open(dataset.fetch(DATASET, "elements"), "rt") as elements:
        lowest = {symbol: min(entry["energy_per_atom"]) for symbol, entry in json.load(elements).items()}
    found = [_material(entry, lowest) for entry in entries]
    return {m.id: m for m in sorted(found, key=lambda m: hashlib.sha256(m.id.encode()).hexdigest())}


def _material(entry: dict[str, object], elements: dict[str, float]) -> Material:
    atoms = pymatgen_json.crystal(cast("dict[str, object]", entry["structure"]))
    energy, corrected = (cast("float", entry[name]) for name in ("energy", "corrected_energy"))
    return Material(
        id=str(entry["material_id"]),
        atoms=atoms,
        reference=formation_energy.FormationReference(
            correction=(corrected - energy) / len(atoms),
            elements=sum(elements[symbol] for symbol in atoms.symbols) / len(atoms),
            e_form=cast("float", entry["corrected_formation_energy_per_atom"]),
        ),
    )


TASK = Formation()
