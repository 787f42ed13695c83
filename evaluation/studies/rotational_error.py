"""Rotational error: which part of a model's force error is its dependence on orientation.

    python -m evaluation.studies.rotational_error pet-n@direct leaderboard/results/rotational-error/forces

Every frame of the task forces that no training of ours has seen is computed in the orientations of the constraints
task. With F_R the forces in orientation R, turned back, and F̄ their mean, the mean square error splits into that of F̄
and the variance around it, ⟨|F_R - F_ref|²⟩ = |F̄ - F_ref|² + ⟨|F_R - F̄|²⟩: the second part is what averaging over
orientations would remove (Langer, Pozdnyakov & Ceriotti, Mach. Learn.: Sci. Technol. 2024). The variance is the
unbiased one, over n - 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import batched
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evaluation import task as tasks
from evaluation.definitions import constraints
from evaluation.harness import provenance
from evaluation.studies.rotational_error_data import FrameError, RotationalError
from evaluation.task import Sample
from zoo.checkpoints.model_files import loaded_sha256
from zoo.files import write_json
from zoo.wrappers.rotation import from_quaternion

if TYPE_CHECKING:
    from ase import Atoms

    from zoo.batch import Computes

Array = NDArray[np.float64]

FRAMES_PER_CALL = 8


def frames() -> list[Sample]:
    """Frames with a reference that trainings of ours leave out, whatever the model. Raises DatasetUnavailable."""
    return [s for s in tasks.load("forces").samples("full") if s.held_out and s.atoms.calc is not None]


def orientations() -> Array:
    """(n, 3, 3), proper rotations: those of the constraints task."""
    return np.array([from_quaternion(np.array(q)) for q in constraints.protocol().rotations])


def frame_errors(potential: Computes, samples: Sequence[Sample], turns: Array) -> list[FrameError | None]:
    """Errors of each frame, in order; None where the model has no forces in some orientation."""
    found: list[FrameError | None] = []
    for some in batched(samples, FRAMES_PER_CALL):
        answers = potential.compute([_turned(sample.atoms, turn) for sample in some for turn in turns])
        for k, sample in enumerate(some):
            rows = range(k * len(turns), (k + 1) * len(turns))
            if any(answers.errors[row] for row in rows):
                found.append(None)
                continue
            back = np.array([answers.forces[row] @ turn for row, turn in zip(rows, turns, strict=True)])
            found.append(_split(sample, back, sample.atoms.get_forces()))
    return found


def _split(sample: Sample, forces: Array, reference: Array) -> FrameError:
    """`forces` (n, n_atoms, 3), turned back; `reference` (n_atoms, 3); eV/Å."""
    n = len(forces)
    return FrameError(
        sample=sample.id,
        n_atoms=len(reference),
        total=float(np.mean((forces - reference) ** 2)),
        rotational=float(np.mean((forces - forces.mean(axis=0)) ** 2)) * n / (n - 1),
    )


def _turned(atoms: Atoms, turn: Array) -> Atoms:
    turned: Atoms = atoms.copy()  # without the reference's answers
    turned.set_cell(atoms.cell.array @ turn.T)
    turned.positions = atoms.positions @ turn.T
    return turned


def main() -> None:
    """See the module's docstring."""
    import zoo

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("entry")
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    samples, turns = frames(), orientations()
    with zoo.load(given.entry, device="cpu", threads=1) as potential:
        errors = frame_errors(potential, samples, turns)
        found = RotationalError(
            entry=potential.name,
            checkpoint_sha256=loaded_sha256(potential.card.checkpoint),
            orientations=len(turns),
            frames=tuple(error for error in errors if error is not None),
            unanswered=errors.count(None),
            dataset_sha256=tasks.load("forces").dataset_sha256,
            version=provenance.version(),
            commit=provenance.commit(),
            finished=provenance.now(),
        )
    write_json(given.folder / f"{found.entry}.json", found.model_dump(mode="json"))
    sys.stdout.write(f"{found.entry}: {len(found.frames)} frames, {found.unanswered} unanswered\n")


if __name__ == "__main__":
    main()
