"""Calibration: what the detectors of the constraints task find of a fault whose size is known.

    python -m evaluation.studies.calibration leaderboard/results/calibration

Surrogates over a closed-form potential, at the canary's crystals: each row is a detector, the amplitude, what was
found, and their ratio. No model is involved.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evaluation.harness import provenance
from evaluation.metrics.constraints import figures
from evaluation.physics.constraints import measure
from evaluation.protocol import protocol_sha256
from evaluation.studies.calibration_data import Calibration, Reading
from evaluation.task import Sample
from evaluation.tasks.constraints import TASK
from zoo.batch import Array, Batch
from zoo.files import write_json
from zoo.wrappers import synthetic_errors
from zoo.wrappers.surrogate import Surrogate

if TYPE_CHECKING:
    from ase import Atoms

ASYMMETRIES = (1e-4, 1e-3, 1e-2, 1e-1)
ROTATION_ERRORS = (1e-5, 1e-4, 1e-3, 1e-2)
"""eV/Å"""
NOISES = (1e-4, 1e-3, 1e-2)
"""eV/Å"""
_NVE_STEPS = 10


class Morse:
    """Morse pairs of unit depth (eV), cut off as `synthetic_errors` does: exactly conservative and equivariant."""

    width = 1.5
    """1/Å"""

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        """See zoo.batch."""
        answers = [self._one(each) for each in atoms]
        return Batch(
            energies=np.array([energy for energy, _, _ in answers]),
            forces=[forces for _, forces, _ in answers],
            stresses=np.array([stress for _, _, stress in answers]).reshape(-1, 3, 3),
            errors=[None] * len(answers),
            seconds=0.0,
        )

    def _one(self, atoms: Atoms) -> tuple[float, Array, Array]:
        from ase.data import covalent_radii

        pairs, radii = synthetic_errors.Pairs.of(atoms), covalent_radii[atoms.numbers]
        decay = np.exp(-self.width * (pairs.distances - 0.9 * (radii[pairs.first] + radii[pairs.second])))
        energy, slope = decay**2 - 2 * decay, 2 * self.width * (decay - decay**2)
        slope = slope * pairs.weights + energy * pairs.slopes
        pulls = (slope / pairs.distances)[:, None] * pairs.vectors
        stress = pairs.vectors.T @ pulls / 2 / atoms.get_volume()
        return float((energy * pairs.weights).sum()) / 2, pairs.sums(pulls, len(atoms)), stress


def rows() -> Iterator[Reading]:
    """One for each amplitude and crystal."""
    model = Morse()
    for sample in TASK.samples("canary"):
        for amplitude in ASYMMETRIES:
            found = _figures(Surrogate.tuned(model, sample.atoms, asymmetry=amplitude), sample)
            yield _row("lambda", sample, amplitude, found["lambda"], "")
            yield _row("lambda_extrapolated", sample, amplitude, found["lambda_extrapolated"], "")
        for amplitude in ROTATION_ERRORS:
            surrogate = Surrogate.tuned(model, sample.atoms, rotation_error=amplitude)
            found = _figures(surrogate, sample)
            truth = surrogate.rotation_error(sample.atoms)
            yield _row("rotation_force", sample, 1000 * amplitude, found["rotation_force"], "meV/Å")
            yield _row("rotation_energy", sample, 1000 * truth.energy_per_atom, found["rotation_energy"], "meV/atom")
        for amplitude in NOISES:
            found = _figures(Surrogate(model, rough=amplitude), sample)
            yield _row("force_noise", sample, 1000 * amplitude, found["force_noise"], "meV/Å")
        nothing = _figures(Surrogate(model), sample)
        for name in ("lambda", "rotation_force", "inversion_force", "gradient_error", "loop_work", "force_noise"):
            yield _row(name, sample, 0.0, nothing[name], "" if name == "lambda" else "meV/Å")


def main(arguments: Sequence[str] | None = None) -> None:
    """Write `<folder>/surrogate/detectors.json`."""
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.studies.calibration", description="Calibration of detectors."
    )
    parser.add_argument("folder", type=Path)
    given = parser.parse_args(arguments)
    calibration = Calibration(
        protocol_sha256=protocol_sha256(TASK.protocol),
        packages=provenance.packages(),
        rows=tuple(rows()),
    )
    write_json(given.folder / "surrogate" / "detectors.json", calibration.model_dump(mode="json"))


def _figures(surrogate: Surrogate, sample: Sample) -> dict[str, float | None]:
    settings = replace(TASK.settings, nve_steps=_NVE_STEPS)  # the drift has no perturbation
    (found,) = measure(surrogate, [sample.atoms], seeds=[1], settings=settings)
    if found.error:
        raise ValueError(f"{sample.id}: {found.error}")
    return figures(found.outputs)


def _row(detector: str, sample: Sample, amplitude: float, found: float | None, unit: str) -> Reading:
    ratio = found / amplitude if amplitude and found is not None else None
    return Reading(detector=detector, crystal=sample.id, dialled=amplitude, found=found, ratio=ratio, unit=unit)


if __name__ == "__main__":
    main()
