"""Is relaxation well posed: does the way down end, and does it end in the same place whoever walks it?

Where forces are the gradient of an energy, every step downhill lowers it, and at its minimum the forces vanish: any
optimiser arrives. Forces from a head of their own need not be a gradient. Then the energy may rise on the way, the
forces may stop falling at a floor above zero, and the crystal may circle without end. So may rounding or a rough
energy surface have it, on a finer scale, with any model.

Each crystal starts from the DFT geometry strained by up to 3 % and rattled by 0.05 Å, and walks down by two optimisers
of different kinds, FIRE (damped dynamics) and L-BFGS (a quasi-Newton method, without line search), atoms and cell,
until no force is above 1e-4 eV/Å, which is what phonons need, or 500 steps are over. *Converged* is the share of these
descents that arrive; the *floor* is the smallest that the largest force ever was; *uphill* sums the energy's rises from
step to step. A *limit cycle* has brought the forces no lower in its last 200 steps; a descent *broke off* whose cell
ran away or whose numbers were none. The *spread* is how far the two ends lie apart: for a well-posed problem nothing,
unless there are two minima to find.

Of a mode with direct forces the end is also looked at by the energy. The gradient gap is the force that the mode has
there less the energy's own, from the checkpoint's conservative head, or from differences of the energy where it has
none. The excess energy is what the crystal lies above the end of the same descent by the conservative head. How close
the ends are to DFT's is no matter here; the relaxation task says that.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
from ase.units import GPa
from pydantic import JsonValue

from evaluation.definitions import descent as definitions
from evaluation.definitions.descent import METRICS, DescentProtocol
from evaluation.metric import Score, mean_score
from evaluation.metrics import descent
from evaluation.outputs.descent import conservative, descents, energies_of, forces_of
from evaluation.physics.descent import ENERGY_DIFFERENCES, NOT_DIRECT, Descents, Gradient, descend
from evaluation.physics.relaxation import Relaxation, Relaxed
from evaluation.record import Record
from evaluation.recording import SampleCost, failed, succeeded
from evaluation.reference import dataset, phonondb
from evaluation.reference.draw import seed as draw_seed
from evaluation.subset import Subset
from evaluation.task import Row, Sample
from zoo import example_crystals
from zoo.batch import StructureFailure

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from zoo.batch import Computes

FIGURES = ("converged", "floor", "uphill", "limit_cycle", "broke_off", "steps")
"""Of one descent; a row has the mean over both under these names, and each with the optimiser's behind it."""
FORCE_DIGITS = 6
"""Significant digits of stored forces."""
ENERGY_DECIMALS = 8
"""Of stored energies, eV."""


class Descent:
    """The task; see the module's docstring."""

    name = "descent"
    title = "Descent"
    metrics = METRICS
    reference_theory: str | None = None

    @cached_property
    def protocol(self) -> DescentProtocol:
        return definitions.protocol()

    @property
    def dataset_sha256(self) -> str:
        return dataset.load(phonondb.DATASET).identity

    def samples(self, subset: Subset) -> list[Sample]:
        protocol = self.protocol
        return [
            Sample(
                id=name,
                atoms=example_crystals.distort(
                    atoms, seed=draw_seed(name), rattle=protocol.rattle, strain=protocol.strain
                ),
                subset=tier,
            )
            for name, tier, atoms in protocol.crystals.crystals(subset)
        ]

    def run(self, samples: Sequence[Sample], potential: Computes) -> list[Record]:
        protocol = self.protocol
        found = descend(
            potential,
            [sample.atoms for sample in samples],
            Relaxation(fmax=protocol.fmax, steps=protocol.steps),
            optimizers=protocol.optimizers,
            step=protocol.differences.step,
            strain=protocol.differences.strain,
        )
        return [_record(sample, each) for sample, each in zip(samples, found, strict=True)]

    def table(self, records: Sequence[Record]) -> list[Row]:
        return [self._row(record) for record in sorted(records, key=lambda record: record.sample)]

    def _row(self, record: Record) -> Row:
        row: Row = {"sample": record.sample, "status": record.status, "error": record.error}
        row |= dict.fromkeys(FIGURES)
        row |= dict.fromkeys(f"{name}_{key}" for name in ("error", *FIGURES) for key in self.protocol.optimizers)
        row |= dict.fromkeys(("energy_spread", "volume_spread", "gradient_gap", "stress_gap", "excess_energy"))
        row |= dict.fromkeys(("gradient_source", "gradient_reason"))
        if record.status != "ok":
            return row
        n = len(cast("list[int]", record.outputs["numbers"]))
        ways = descents(record)
        for key, way in ways.items():
            row[f"error_{key}"] = way["error"]
            row |= {f"{name}_{key}": value for name, value in self._figures(way, n).items()}
        for name in FIGURES:
            values = [float(cast("float", row[f"{name}_{key}"])) for key in ways if row[f"{name}_{key}"] is not None]
            row[name] = float(np.mean(values)) if values else None
        return row | _spreads(list(ways.values()), n) | _gaps(record, n)

    def _figures(self, way: dict[str, JsonValue], n: int) -> Row:
        """Of one descent; of one that broke off, up to there."""
        forces, energies = forces_of(way), energies_of(way)
        began, ended = bool(forces), way["error"] is None
        cycle = ended and not way["converged"] and descent.is_limit_cycle(forces, steps=self.protocol.cycle_steps)
        return {
            "converged": bool(way["converged"]),
            "floor": descent.floor(forces) * 1000 if began else None,
            "uphill": descent.uphill(energies) / n * 1000 if began else None,
            "limit_cycle": cycle,
            "broke_off": not ended,
            "steps": len(forces) - 1 if began else None,
        }

    def score(self, rows: Sequence[Row]) -> dict[str, Score]:
        found = {}
        for metric in self.metrics:
            values = [row[metric.name] for row in rows] if metric.name in _asked(rows) else []
            numbers = [None if value is None else float(cast("float", value)) for value in values]
            found[metric.name] = mean_score(numbers, metric)
        return found


def _asked(rows: Sequence[Row]) -> set[str]:
    """Metrics that the entry can have: what it cannot have, it does not miss."""
    names = {metric.name for metric in METRICS}
    worked = [row for row in rows if row["status"] == "ok"]
    if all(row["gradient_reason"] == NOT_DIRECT for row in worked):
        return names - {"gradient_gap", "stress_gap", "excess_energy"}
    if all(row["gradient_source"] == ENERGY_DIFFERENCES for row in worked):
        return names - {"excess_energy"}
    return names


def _record(sample: Sample, found: Descents) -> Record:
    ways = list(found.by.values())
    calls = sum(way.force_calls for way in ways) + found.further_calls
    seconds = sum(way.seconds for way in ways) + found.further_seconds
    cost = SampleCost.of_cell(len(sample.atoms), force_calls=calls, seconds=seconds)
    if not any(way.energies for way in ways):
        # a model that has no answer to the start; one that is led astray by its own forces has a descent to show
        return failed(sample.id, ways[0].error or StructureFailure("failed", "no descent began"), cost)
    outputs: dict[str, JsonValue] = {
        "numbers": sample.atoms.numbers.tolist(),
        "descents": {key: _way(way) for key, way in found.by.items()},
        "conservative": None if found.conservative is None else _way(found.conservative),
        "gradient": None if found.gradient is None else _told(found.gradient),
        "gradient_reason": found.reason,
    }
    return succeeded(sample.id, outputs, cost)


def _way(relaxed: Relaxed) -> JsonValue:
    pairs = zip(relaxed.max_forces, relaxed.max_cell_forces, strict=True)
    return {
        "error": None if relaxed.error is None else str(relaxed.error),
        "converged": relaxed.converged,
        "energies": [round(energy, ENERGY_DECIMALS) for energy in relaxed.energies],
        "forces": [float(f"{max(pair):.{FORCE_DIGITS}g}") for pair in pairs],
        "cell": None if relaxed.atoms is None else relaxed.atoms.cell.array.tolist(),
        "positions": None if relaxed.atoms is None else relaxed.atoms.positions.tolist(),
    }


def _told(gradient: Gradient) -> JsonValue:
    return {
        "at": gradient.at,
        "source": gradient.source,
        "energy": gradient.energy,
        "forces": gradient.forces.tolist(),
        "gradient": gradient.gradient.tolist(),
        "stress": None if gradient.stress is None else gradient.stress.tolist(),
        "energy_stress": None if gradient.energy_stress is None else gradient.energy_stress.tolist(),
    }


def _spreads(ways: list[dict[str, JsonValue]], n: int) -> Row:
    """Between the ends of all optimisers, converged or not; None where one has none."""
    if any(way["error"] is not None for way in ways):
        return {}
    energy = descent.spread([energies_of(way)[-1] for way in ways])
    volumes = [float(abs(np.linalg.det(np.asarray(way["cell"], dtype=float)))) for way in ways]
    volume = descent.spread(volumes)
    return {
        "energy_spread": None if energy is None else energy / n * 1000,
        "volume_spread": None if volume is None else volume / float(np.mean(volumes)) * 100,
    }


def _gaps(record: Record, n: int) -> Row:
    """What the energy says at the end of a direct mode's descent."""
    told = cast("dict[str, JsonValue] | None", record.outputs["gradient"])
    row: Row = {"gradient_reason": record.outputs["gradient_reason"]}
    if told is None:
        return row
    row["gradient_source"] = told["source"]
    row["gradient_gap"] = descent.rms_difference(_array(told["forces"]), _array(told["gradient"])) * 1000
    if told["stress"] is not None and told["energy_stress"] is not None:
        row["stress_gap"] = descent.rms_difference(_array(told["stress"]), _array(told["energy_stress"])) / GPa
    end = conservative(record)
    if end is not None and end["error"] is None:
        row["excess_energy"] = (cast("float", told["energy"]) - energies_of(end)[-1]) / n * 1000
    return row


def _array(values: JsonValue) -> ArrayLike:
    return np.asarray(values, dtype=float)


TASK = Descent()
