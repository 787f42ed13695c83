"""The rotational error: two parts that add up, and none of the second for a model that knows rotations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from evaluation.studies.rotational_error import frame_errors, orientations
from evaluation.task import Sample
from zoo.batch import Batch, StructureFailure

REFERENCE = np.array([[0.3, 0.0, -0.1], [-0.3, 0.0, 0.1]])


class Fields:
    """Forces that turn with the structure, and a constant one that does not: 0.2 eV/Å along x in the frame of space."""

    def __init__(self, *, fixed: float) -> None:
        self.fixed = fixed

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        forces = [np.outer([1.0, -1.0], a.positions[1] - a.positions[0]) for a in atoms]
        for array in forces:
            array[:, 0] += self.fixed
        errors = [StructureFailure("unsupported", "no xenon") if "Xe" in a.symbols else None for a in atoms]
        return Batch(np.zeros(len(atoms)), forces, np.zeros((len(atoms), 3, 3)), errors, seconds=0.0)


def frame(symbols: str) -> Sample:
    atoms = Atoms(symbols, positions=[[0, 0, 0], [1.0, 0.2, 0.3]], cell=np.eye(3) * 8, pbc=True)
    atoms.calc = SinglePointCalculator(atoms, energy=0.0, forces=REFERENCE)
    return Sample(id=symbols, atoms=atoms, subset="full", held_out=True)


def test_a_model_that_turns_with_the_structure_has_no_rotational_error() -> None:
    (found,) = frame_errors(Fields(fixed=0.0), [frame("OC")], orientations())
    assert found is not None
    forces = np.outer([1.0, -1.0], [1.0, 0.2, 0.3])
    assert found.total == pytest.approx(np.mean((forces - REFERENCE) ** 2))
    assert found.rotational == pytest.approx(0.0, abs=1e-25)


def test_what_does_not_turn_is_rotational_error() -> None:
    turns = orientations()
    (found,) = frame_errors(Fields(fixed=0.2), [frame("OC")], turns)
    (without,) = frame_errors(Fields(fixed=0.0), [frame("OC")], turns)
    assert found is not None
    assert without is not None
    # a vector fixed in space, seen from the structure: its mean over orientations almost vanishes
    assert found.rotational == pytest.approx(0.2**2 / 3, rel=0.06)
    assert found.total == pytest.approx(without.total + 0.2**2 / 3, rel=0.06)


def test_frames_without_forces_are_counted_as_such() -> None:
    samples = [frame("OC"), frame("XeC"), frame("NC")]
    assert [f is None for f in frame_errors(Fields(fixed=0.0), samples, orientations())] == [False, True, False]
