"""Pairs of equal atoms, pulled apart: how smooth a potential is between two atoms, and whether forces are its slope.

Two atoms of one element stand in a large empty box, from 0.9 covalent radii apart, deep in the repulsion, to 3.1 van
der Waals radii, where most cutoffs have passed, in steps of 0.01 Å. The energy should fall smoothly into one well and
rise smoothly out of it. What a potential was never shown between two atoms it has to make up, and
ripples, spurious wells and jumps at a cutoff or between two layers of neighbours are seen here without any noise of a
crystal around them. They are what makes relaxations stop early and molecular dynamics drift.

Tortuosity ranks: the energy's total ups and downs over the least that its ends and its minimum need, 1 for a single
smooth well. It needs no reference. The pair lies along x in a cube with periodic boundaries, so far from its images
that it meets none.

Bond lengths and well depths are compared with spin-polarised PBE where PBE binds by more than 0.1 eV. A depth is the
energy at 6 Å below which the minimum lies. Few potentials for crystals were trained on isolated pairs; their depths are
extrapolations, and large errors are expected. The three noble gases of the canary subset have no reference here.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
from pydantic import JsonValue

from evaluation.definitions import diatomics as definitions
from evaluation.definitions.diatomics import MEANS_AS_WELL, METRICS, PLAIN, DiatomicsProtocol
from evaluation.metric import Score, average_score, mean_score
from evaluation.metrics.smoothness import Well, conservation_deviation, sign_flips, tortuosity, turns, well
from evaluation.outputs.diatomics import curve, reference_curve
from evaluation.record import Record
from evaluation.recording import SampleCost, failed, succeeded
from evaluation.reference import dataset
from evaluation.subset import Subset, up_to
from evaluation.task import Row, Sample
from zoo.batch import StructureFailure
from zoo.cards.elements import SYMBOLS

if TYPE_CHECKING:
    from ase import Atoms

    from zoo.batch import Batch, Computes


class Diatomics:
    """The task; see the module's docstring. A sample is an element, its atoms a pair at the smallest distance."""

    name = "diatomics"
    title = "Diatomic curves"
    metrics = METRICS
    reference_theory = "PBE"

    @cached_property
    def protocol(self) -> DiatomicsProtocol:
        return definitions.protocol()

    @cached_property
    def dataset_sha256(self) -> str:
        return dataset.load("diatomics-dft").identity

    def samples(self, subset: Subset) -> list[Sample]:
        tiers: dict[Subset, Sequence[str]] = {"canary": self.protocol.canary, "fast": self.protocol.fast}
        if subset == "full":
            named = {*self.protocol.canary, *self.protocol.fast}
            tiers["full"] = [symbol for symbol in _reference_curves() if symbol not in named]
        return [
            Sample(id=symbol, atoms=self._pair(symbol, self.distances(symbol)[0]), subset=tier)
            for tier in up_to(subset)
            for symbol in sorted(tiers[tier], key=SYMBOLS.index)
        ]

    def distances(self, symbol: str) -> np.ndarray:
        """Distances of an element's curve, Å: whole steps above 0.9 covalent radii."""
        from ase.data import atomic_numbers, covalent_radii
        from ase.data.vdw_alvarez import vdw_radii

        p = self.protocol
        number = atomic_numbers[symbol]
        radius = float(vdw_radii[number]) if number < len(vdw_radii) else np.nan
        end = p.farthest_without_radius if np.isnan(radius) else p.farthest * radius
        start = p.nearest * float(covalent_radii[number])
        return np.round(start + p.step * np.arange(int((end - start) / p.step + 1e-9) + 1), 6)

    def _pair(self, symbol: str, distance: float) -> Atoms:
        from ase import Atoms

        middle = self.protocol.box / 2
        positions = [[middle - distance / 2, middle, middle], [middle + distance / 2, middle, middle]]
        return Atoms([symbol] * 2, positions=positions, cell=[self.protocol.box] * 3, pbc=True)

    def run(self, samples: Sequence[Sample], potential: Computes) -> list[Record]:
        return [self._record(sample, potential) for sample in samples]

    def _record(self, sample: Sample, potential: Computes) -> Record:
        distances = self.distances(sample.id)
        batch = potential.compute([self._pair(sample.id, float(distance)) for distance in distances])
        calls = int(batch.calls.sum())
        cost = SampleCost.of_cell(2, force_calls=calls, seconds=batch.seconds)
        if found := [(r, error) for r, error in zip(distances, batch.errors, strict=True) if error]:
            distance, error = found[0]
            if error.kind == "failed":
                where = f"no answer at {len(found)} of {len(distances)} distances; at {distance:.2f} Å"
                error = StructureFailure("failed", f"{where}: {error.message}")
            return failed(sample.id, error, cost)
        return succeeded(sample.id, self._outputs(sample.id, distances, batch), cost)

    def _outputs(self, symbol: str, distances: np.ndarray, batch: Batch) -> dict[str, JsonValue]:
        p = self.protocol
        # on the atom at larger x, less the mean: a force along r
        along = np.array([(forces[1, 0] - forces[0, 0]) / 2 for forces in batch.forces])
        outputs: dict[str, JsonValue] = {
            "distances": distances.tolist(),
            "energies": np.round(batch.energies, p.energy_decimals).tolist(),
            "forces": np.round(along, p.force_decimals).tolist(),
            "distances_ref": None,
            "energies_ref": None,
        }
        if symbol not in p.canary:
            # in the record, so that scoring and pictures need no data set
            reference = _reference_curves()[symbol]
            outputs |= {"distances_ref": cast(JsonValue, reference[0]), "energies_ref": cast(JsonValue, reference[1])}
        return outputs

    def table(self, records: Sequence[Record]) -> list[Row]:
        return [self._row(record) for record in sorted(records, key=lambda record: record.sample)]

    def _row(self, record: Record) -> Row:
        columns = (*PLAIN, "bond_length_pred", "bond_length_ref", "well_depth_pred", "well_depth_ref")
        row: Row = {"sample": record.sample, "status": record.status, "error": record.error}
        row["bound"] = False if record.sample in self.protocol.canary else None
        row |= dict.fromkeys(columns, None)
        if record.status != "ok":
            return row
        p = self.protocol
        distances, energies, forces = curve(record)
        energy_turns = turns(energies, smallest_step=p.smallest_energy_step)
        force_turns = turns(forces, smallest_step=p.smallest_force)
        row |= {
            "tortuosity": tortuosity(energies),
            "energy_jump": energy_turns.jump,
            "energy_flips": energy_turns.flips,
            "force_flips": sign_flips(forces, smallest=p.smallest_force),
            "force_jump": force_turns.jump,
            "conservation_deviation": conservation_deviation(distances, energies, forces) * 1000,
        }
        pred = well(distances, energies, far=min(p.apart, float(distances[-1])))
        if pred is not None:
            row |= {"bond_length_pred": pred.distance, "well_depth_pred": pred.depth}
        ref = self._reference_well(record, nearest=float(distances[0]))
        row["bound"] = ref is not None
        if ref is not None:
            row |= {"bond_length_ref": ref.distance, "well_depth_ref": ref.depth}
        if pred is not None and ref is not None:
            row["bond_length_error"] = pred.distance - ref.distance
            row["well_depth_error"] = pred.depth - ref.depth
        return row

    def _reference_well(self, record: Record, *, nearest: float) -> Well | None:
        """PBE's well, where there is one that counts; None too for an element without a reference."""
        reference = reference_curve(record)
        if reference is None:
            return None
        distances, energies = reference
        kept = distances >= nearest
        found = well(distances[kept], energies[kept], far=min(self.protocol.apart, float(distances[-1])))
        return found if found and found.depth >= self.protocol.shallowest_well else None

    def score(self, rows: Sequence[Row]) -> dict[str, Score]:
        metric = {m.name: m for m in self.metrics}
        found = {"success": mean_score([1.0 if row["status"] == "ok" else None for row in rows], metric["success"])}
        for name in PLAIN:
            # where there is no bond in the reference, a missing error is no failure; a model without an answer is one
            compared = [row for row in rows if row["bound"] is not False] if name.endswith("_error") else rows
            values = [cast("float | None", row[name]) for row in compared]
            sizes = [None if value is None else abs(value) for value in values]
            found[name] = average_score(sizes, metric[name])
            if name in MEANS_AS_WELL:
                found[f"{name}_mean"] = mean_score(sizes, metric[f"{name}_mean"])
        return found


@cache
def _reference_curves() -> dict[str, tuple[list[float], list[float]]]:
    """PBE curves by element: distances (Å), energies (eV)."""
    raw = gzip.decompress(dataset.fetch("diatomics-dft", "curves").read_bytes())
    return {
        pair.partition("-")[0]: (found["distances"], found["energies"])
        for pair, found in json.loads(raw)["PBE"].items()
    }


TASK = Diatomics()
