"""The whole workflow, relaxation and then phonons, of one crystal in nine orientations: what differs between them.

No number computed for a crystal may depend on its orientation (rotational equivariance). Here each crystal goes through
relaxation and phonons nine times: upright, rotated by four fixed random rotations, and by four more with inversion. An
error that is small in a single force has then had all its chances: to pull a relaxation into another structure, to cost
the crystal its space group, to turn a soft mode imaginary. Reported is the spread of the end's energy, volume and
frequencies over the orientations (root mean square of the distances from their mean), how many runs end in the known
space group, and how many agree with the upright one. No symmetry is kept in these relaxations and none is used in the
displacements: each atom of the primitive cell moves both ways along each axis. The usual, reduced set of displacements
would put back the very symmetry whose loss is to be seen.

A potential, or a mitigation, that makes everything symmetric would look perfect in that. So both directions are asked.
Three controls are unstable in DFT and *must break*: bcc aluminium, cubic BaTiO3, and cubic KTaO3 held at a lattice
constant 2 % too large. An unstable crystal is a saddle point, which nothing that runs downhill can reach, so its
perfect structure is relaxed with its space group kept; the phonons there must have an imaginary mode. And a relaxation
that starts from a distorted structure, with nothing kept, must end in another space group and lower in energy. Both
must happen in an orientation for it to count. All other crystals are stable and *must hold*: MgO, silicon, copper and
the rest keep their space group when they are relaxed from the perfect structure, have no imaginary mode, and come back
to their space group (at 0.01 Å) from the distorted one.

A model may fail these controls without any fault of orientation: where its energy has no instability in BaTiO3, no
rotation will bring one about. The figures of the upright run, and the spreads, tell which it is. A control that fails
upright and rotated alike, while energy and frequencies have no spread, is a matter of the model's physics; one that
goes right upright and wrong when rotated is a matter of orientation. With a spread and wrong everywhere, both may be at
work: an orientation error does not spare the upright crystal. Accuracy is not asked: there is no reference but the
crystal itself, its known group and its known stability. Frequencies are those at q points that fit into the supercell
of 2 × 2 × 2 conventional cells, where they are exact whatever the range of the forces; a soft mode of longer waves is
not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from pydantic import JsonValue

from evaluation.definitions import orientation as definitions
from evaluation.definitions.orientation import METRICS, OrientationProtocol
from evaluation.metric import Score
from evaluation.metrics import orientation
from evaluation.metrics.orientation import Ran
from evaluation.metrics.orientation_scores import scores
from evaluation.outputs.orientation import answered, is_right, known_group, runs
from evaluation.outputs.quantized_array import pack
from evaluation.physics.orientation import Case, OrientationOutcome, OrientationSettings, workflows
from evaluation.physics.phonons import commensurate
from evaluation.record import Record
from evaluation.recording import SampleCost, failed, succeeded
from evaluation.reference import dataset, phonondb
from evaluation.reference.draw import by_hash
from evaluation.reference.draw import seed as draw_seed
from evaluation.subset import SUBSETS, Subset, up_to
from evaluation.task import Row, Sample
from zoo import example_crystals
from zoo.batch import StructureFailure
from zoo.wrappers.rotation import from_quaternion

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import NDArray

    from evaluation.physics.relaxation import Relaxed
    from zoo.batch import Computes

    Array = NDArray[np.float64]

FREQUENCY_QUANTUM = 1e-6
"""THz: what stored frequencies are rounded to."""
FEWEST = 2
"""Orientations with an answer that a crystal needs: of fewer there is no spread."""
SPREADS = ("frequency_spread", "omega_max_spread", "gamma_spread", "energy_spread", "volume_spread")
GROUPS = ("group", "strict_group")
SHARES = ("verdict_agreement", "group_agreement", "group_loose", "group_strict", "imaginary", "left", "converged")
COLUMNS = (*SPREADS, *SHARES, "omega_max", "omega_min", "depth", "answers", "control", "control_upright")
"""Of a row, besides sample, status, error and expected."""


class Orientation:
    """The task; see the module's docstring."""

    name = "orientation"
    title = "Orientation"
    metrics = METRICS
    reference_theory: str | None = None

    @cached_property
    def protocol(self) -> OrientationProtocol:
        return definitions.protocol()

    @property
    def dataset_sha256(self) -> str:
        return dataset.load(phonondb.DATASET).identity

    @property
    def settings(self) -> OrientationSettings:
        """As the physics takes them: upright first, then the proper, then the improper rotations."""
        proper = [from_quaternion(np.array(q)) for q in self.protocol.rotations]
        improper = [-from_quaternion(np.array(q)) for q in self.protocol.rotations_with_inversion]
        same = ("fmax", "distorted_fmax", "steps", "optimizer", "symprec", "displacement")
        return OrientationSettings(
            rotations=np.array([np.eye(3), *proper, *improper]), **{name: getattr(self.protocol, name) for name in same}
        )

    def samples(self, subset: Subset) -> list[Sample]:
        """The controls of a tier in the protocol's order, then PhononDB's solids by name."""
        chosen = up_to(subset)
        built = [(name, control) for name, control in self.protocol.crystals.items() if control.subset in chosen]
        built.sort(key=lambda pair: SUBSETS.index(pair[1].subset))
        found = [Sample(id=name, atoms=control.built(name), subset=control.subset) for name, control in built]
        if subset == "full":
            found += [Sample(id=name, atoms=self._case(name).atoms, subset="full") for name in self._solids()]
        return found

    def _solids(self) -> list[str]:
        """Raises DatasetUnavailable."""
        others = [name for name in phonondb.solids() if name not in self.protocol.crystals]
        ordered = by_hash(others)
        return sorted(ordered[: self.protocol.phonondb])

    def _case(self, name: str) -> Case:
        """The crystal of that id, upright."""
        control = self.protocol.crystals.get(name)
        if control is None:
            solid = phonondb.solids()[name]
            atoms, primitive_matrix, cell = (
                _primitive(solid.atoms, solid.primitive_matrix),
                solid.primitive_matrix,
                "full",
            )
        else:
            atoms, primitive_matrix, cell = control.built(name), control.primitive_matrix, control.cell
        repeats = self.protocol.supercell * np.linalg.inv(primitive_matrix)
        return Case(
            atoms=atoms,
            distorted=example_crystals.distort(
                atoms,
                seed=draw_seed(name),
                rattle=self.protocol.rattle,
                strain=self.protocol.strain if cell == "full" else 0.0,
            ),
            supercell_matrix=np.rint(repeats).astype(np.int64),
            cell=cell,  # type: ignore[arg-type]  # mypy loses the literals of two branches
            keeps_group=self.protocol.expected(name) == "breaks",
        )

    def _group(self, name: str) -> int:
        """Known space group, international number."""
        control = self.protocol.crystals.get(name)
        return phonondb.solids()[name].space_group if control is None else control.space_group

    def run(self, samples: Sequence[Sample], potential: Computes) -> list[Record]:
        cases = [self._case(sample.id) for sample in samples]
        found = workflows(potential, cases, self.settings)
        return [self._record(*each) for each in zip(samples, cases, found, strict=True)]

    def _record(self, sample: Sample, case: Case, outcomes: Sequence[OrientationOutcome]) -> Record:
        cost = SampleCost(
            force_calls=sum(outcome.force_calls for outcome in outcomes),
            atom_calls=sum(outcome.atom_calls for outcome in outcomes),
            seconds=sum(outcome.seconds for outcome in outcomes),
        )
        errors = [(place, outcome.error) for place, outcome in enumerate(outcomes) if outcome.error is not None]
        if len(outcomes) - len(errors) < FEWEST:
            place, error = errors[0]
            if error.kind == "failed":
                message = f"{len(errors)} of {len(outcomes)} orientations failed, number {place} first: {error.message}"
                error = StructureFailure("failed", message)
            return failed(sample.id, error, cost)
        outputs: dict[str, JsonValue] = {
            "space_group": self._group(sample.id),
            "numbers": case.atoms.numbers.tolist(),
            "qpoints": commensurate(case.crystal).tolist(),
            "orientations": [_outputs(outcome) for outcome in outcomes],
        }
        return succeeded(sample.id, outputs, cost)

    def table(self, records: Sequence[Record]) -> list[Row]:
        return [self._row(record) for record in sorted(records, key=lambda record: record.sample)]

    def _row(self, record: Record) -> Row:
        row: Row = {"sample": record.sample, "status": record.status, "error": record.error}
        row |= {"expected": self.protocol.expected(record.sample)} | dict.fromkeys(COLUMNS)
        if record.status == "failed":
            return row | {"control": 0.0, "control_upright": 0.0}
        return row if record.status != "ok" else row | self._figures(record)

    def _figures(self, record: Record) -> Row:
        """Of an ok record; the keys are COLUMNS."""
        ended, qpoints, known = runs(record), np.array(record.outputs["qpoints"]), known_group(record)
        ran = [run for run in ended if run is not None]
        holds = self.protocol.expected(record.sample) == "holds"
        right = [run is not None and is_right(record, run) for run in ended]
        lower = [run.distorted_energy - run.energy for run in ran if run.distorted_energy is not None]
        # a run without an answer agrees with none but an upright one without an answer, and has kept no group
        verdicts = [None if run is None else run.imaginary for run in ended]
        loose, strict = ([None if run is None else getattr(run, name) for run in ended] for name in GROUPS)
        return {
            "frequency_spread": orientation.frequency_spread(ran, qpoints),
            "omega_max_spread": orientation.omega_max_spread(ran),
            "gamma_spread": orientation.gamma_spread(ran, qpoints),
            "energy_spread": orientation.energy_spread(ran),
            "volume_spread": orientation.volume_spread(ran),
            "verdict_agreement": orientation.share([each == verdicts[0] for each in verdicts[1:]]),
            "group_agreement": orientation.share([each == loose[0] for each in loose[1:]]) if holds else None,
            "group_loose": orientation.share([each == known for each in loose]) if holds else None,
            "group_strict": orientation.share([each == known for each in strict]) if holds else None,
            "imaginary": orientation.share([run.imaginary for run in ran]),
            "left": orientation.share([self._left(run, known) for run in ran]),
            "converged": orientation.share([bool(each["converged"]) for each in answered(record)]),
            "omega_max": float(np.mean([run.frequencies.max() for run in ran])),
            "omega_min": float(min(run.frequencies.min() for run in ran)),
            "depth": float(np.mean(lower)) * 1000 if lower else None,
            "answers": len(ran) / len(ended),
            "control": orientation.share(right),
            "control_upright": float(right[0]),
        }

    def _left(self, run: Ran, known: int) -> bool:
        return orientation.left(run, known, downhill=self.protocol.downhill)

    def score(self, rows: Sequence[Row]) -> dict[str, Score]:
        return scores(rows, METRICS)


def _primitive(atoms: Atoms, primitive_matrix: Array) -> Atoms:
    """The primitive cell of a conventional one."""
    from ase import Atoms as AseAtoms
    from phonopy.structure.atoms import PhonopyAtoms
    from phonopy.structure.cells import get_primitive

    cell = PhonopyAtoms(numbers=atoms.numbers, cell=atoms.cell.array, scaled_positions=atoms.get_scaled_positions())
    found = get_primitive(cell, primitive_matrix)
    return AseAtoms(numbers=found.numbers, cell=found.cell, scaled_positions=found.scaled_positions, pbc=True)


def _outputs(outcome: OrientationOutcome) -> dict[str, JsonValue]:
    """One orientation in a record: what came of the perfect start, and under `distorted` of the other."""
    found: dict[str, JsonValue] = {
        "error": None if outcome.error is None else str(outcome.error),
        "distorted": _ended(outcome.distorted),
    }
    if outcome.frequencies is None:
        return found
    return found | _ended(outcome.relaxed) | {"frequencies": pack(outcome.frequencies, quantum=FREQUENCY_QUANTUM)}


def _ended(relaxed: Relaxed) -> dict[str, JsonValue]:
    if relaxed.atoms is None or relaxed.error is not None:
        return {"error": str(relaxed.error or "the relaxation gave no structure")}
    return {
        "error": None,
        "energy": relaxed.energies[-1],
        "cell": relaxed.atoms.cell.array.tolist(),
        "positions": relaxed.atoms.positions.tolist(),
        "converged": relaxed.converged,
        "steps": relaxed.steps,
        "max_force": relaxed.max_forces[-1],
        "max_cell_force": relaxed.max_cell_forces[-1] if relaxed.max_cell_forces else None,
    }


TASK = Orientation()
