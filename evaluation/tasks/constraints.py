"""Symmetries and conservation laws on real crystals: what a potential owes to physics whatever it was trained on.

Rotate a crystal, and its energy stays while its forces and stress rotate with it (rotational equivariance); invert it,
and the forces are inverted (inversion equivariance). Forces are the gradient of the energy, so that no work is done on
a closed path, the matrix of second derivatives is symmetric, and total energy is conserved along a trajectory. A
*constrained* potential has all this built in; an unconstrained one has learned it, more or less well. What a card says
is a claim: here it is measured, in the mode and the arithmetic that the entry runs in, and called *confirmed*,
*refuted* or *untested*.

The crystals are eight elements and 24 binary solids, rattled by 0.05 Å and strained by up to 2 %, so that they have no
symmetry left that could hide an error. The rotation error is the spread of the answers over 24 orientations, rotated
back; the inversion error is the distance to the mean of a crystal's answer and its inverse's. λ is the weight of
the antisymmetric part in the Jacobian of the forces, after Bigi, Langer and Ceriotti (2024): zero for a gradient, 1 for
a pure curl, smallest of four step sizes because rounding and truncation only add to it. The gradient error compares the
work of the forces along short paths with what the energy loses. It is work, not a difference at a point, because the
energy of a real model may wiggle on the scale of the difference: CHGNet's forces in silicon, an exact gradient, are 3.3
meV/Å off its central differences over ±0.02 Å, and 0.09 meV/Å off in the work along the same path. λ has the same
trouble: at the usual steps of 0.005 and 0.01 Å it is 0.02 and 0.03 there, and 0.0000002 in float64 at a fine one.

Two more figures say what lattice dynamics will meet. Force noise is what remains of the forces along a displacement of
0.01 to 0.05 Å after everything smooth is taken out: 0.3 meV/Å of white noise leave phonons alone, 1 meV/Å makes an
imaginary mode in a tenth of stable crystals, 3 meV/Å in four of ten (the site's tolerance curves). The drift is that of
total energy over half a picosecond at 300 K.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from evaluation.definitions import constraints as definitions
from evaluation.definitions.constraints import METRICS, ConstraintsProtocol
from evaluation.metric import Score, average_score
from evaluation.metrics.constraints import FIGURES, figures
from evaluation.physics.constraints import ConstraintSettings, Measured, measure
from evaluation.physics.probes import PathLength
from evaluation.record import Record
from evaluation.recording import SampleCost, failed, succeeded
from evaluation.reference import dataset, phonondb
from evaluation.reference.draw import by_hash
from evaluation.reference.draw import seed as draw_seed
from evaluation.subset import Subset, up_to
from evaluation.task import Row, Sample, column
from zoo import example_crystals
from zoo.wrappers.rotation import from_quaternion

if TYPE_CHECKING:
    from ase import Atoms

    from zoo.batch import Computes

FEWEST_ATOMS = 4
"""Cells of elements are repeated up to this: forces of a single atom are zero whatever the model does."""

# Lattice constants (Å) near experiment, and c for the hexagonal ones; nothing rests on their being exact.
_ELEMENTS: dict[str, tuple[str, float, float | None]] = {
    "Al": ("fcc", 4.05, None),
    "C": ("diamond", 3.57, None),
    "Cu": ("fcc", 3.61, None),
    "Mg": ("hcp", 3.21, 5.21),
    "Na": ("bcc", 4.23, None),
    "Si": ("diamond", 5.43, None),
    "Ti": ("hcp", 2.95, 4.68),
    "W": ("bcc", 3.16, None),
}


class Constraints:
    """The task; see the module's docstring."""

    name = "constraints"
    title = "Constraints"
    metrics = METRICS
    reference_theory: str | None = None

    @cached_property
    def protocol(self) -> ConstraintsProtocol:
        return definitions.protocol()

    @property
    def dataset_sha256(self) -> str:
        return dataset.load(phonondb.DATASET).identity

    @property
    def settings(self) -> ConstraintSettings:
        """As the physics takes them."""
        protocol = self.protocol
        same = (
            *("steps", "directions", "loops", "loop_edge", "rough_directions", "rough_spacing", "rough_points"),
            *("temperature", "timestep", "nve_steps", "nve_stride"),
        )
        return ConstraintSettings(
            rotations=np.array([from_quaternion(np.array(q)) for q in protocol.rotations]),
            path=PathLength(**protocol.path.model_dump()),
            fine_path=PathLength(**protocol.fine_path.model_dump()),
            **{name: getattr(protocol, name) for name in same},
        )

    def samples(self, subset: Subset) -> list[Sample]:
        tiers: dict[Subset, tuple[str, ...]] = {"canary": self.protocol.canary, "fast": self.protocol.fast}
        if subset == "full":
            tiers["full"] = tuple(self._solids())
        chosen = up_to(subset)
        return [Sample(id=name, atoms=self._atoms(name), subset=tier) for tier in chosen for name in tiers[tier]]

    def _solids(self) -> list[str]:
        """PhononDB solids of the full subset besides those that are built here. Raises DatasetUnavailable."""
        others = [name for name in phonondb.solids() if name not in self.protocol.canary]
        ordered = by_hash(others)
        return ordered[: self.protocol.phonondb - sum("-" in name for name in self.protocol.canary)]

    def _atoms(self, name: str) -> Atoms:
        """The crystal as it is measured: distorted."""
        built = name in self.protocol.canary + self.protocol.fast
        perfect = _built(name) if built else phonondb.solids()[name].atoms
        return example_crystals.distort(
            perfect, seed=draw_seed(name), rattle=self.protocol.rattle, strain=self.protocol.strain
        )

    def run(self, samples: Sequence[Sample], potential: Computes) -> list[Record]:
        found = measure(
            potential,
            [sample.atoms for sample in samples],
            seeds=[draw_seed(sample.id) for sample in samples],
            settings=self.settings,
        )
        return [_record(sample, measured) for sample, measured in zip(samples, found, strict=True)]

    def table(self, records: Sequence[Record]) -> list[Row]:
        return [_row(record) for record in sorted(records, key=lambda record: record.sample)]

    def score(self, rows: Sequence[Row]) -> dict[str, Score]:
        found = {}
        for metric in self.metrics:
            if metric.name == "success":
                values = [1.0 if row["status"] == "ok" else None for row in rows]
            else:
                numbers = column(rows, metric.name.removesuffix("_mean"))
                values = [None if value is None else abs(value) for value in numbers]
            found[metric.name] = average_score(values, metric)
        return found


def _record(sample: Sample, measured: Measured) -> Record:
    cost = SampleCost(measured.force_calls, measured.atom_calls, measured.seconds)
    if measured.error is not None:
        return failed(sample.id, measured.error, cost)
    return succeeded(sample.id, measured.outputs, cost)


def _row(record: Record) -> Row:
    row: Row = {"sample": record.sample, "status": record.status, "error": record.error, **dict.fromkeys(FIGURES)}
    return row if record.status != "ok" else row | figures(record.outputs)


def _built(name: str) -> Atoms:
    from ase.build import bulk

    if name not in _ELEMENTS:
        formula, _, prototype = name.partition("-")
        return example_crystals.conventional(f"{formula.lower()}-{prototype}")
    structure, a, c = _ELEMENTS[name]
    shape = {"c": c} if c else {"cubic": True}
    atoms: Atoms = bulk(name, structure, a=a, **shape)
    repeated: Atoms = atoms.repeat((max(1, FEWEST_ATOMS // len(atoms)), 1, 1))
    return repeated


TASK = Constraints()
