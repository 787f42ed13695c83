"""Random frame: each structure is answered in one random orientation, and the answer turned back.

It costs nothing, and takes away the orientations that a builder of crystals or a data set prefers: what a model does
wrong under rotation becomes noise of that size, different for every structure, instead of a bias. The rotation follows
from the structure's content, so the same structure always has the same answer; two structures that differ in the
last bit have independent ones, and the energy is not a continuous function of positions any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo.batch import Array, Computes
from zoo.wrappers.base import Answer, Answers, Wrapper
from zoo.wrappers.rotation import random_rotation, turned
from zoo.wrappers.structure_seed import generator

if TYPE_CHECKING:
    from ase import Atoms


class RandomFrame(Wrapper):
    """`seed` chooses among the possible worlds; within one, everything is repeatable."""

    def __init__(self, model: Computes, *, seed: int = 0) -> None:
        super().__init__(model)
        self._seed = seed

    def variants(self, atoms: Atoms) -> list[Atoms]:
        return [turned(atoms, self._rotation(atoms))]

    def combine(self, atoms: Atoms, answers: Answers) -> Answer:
        matrix = self._rotation(atoms)
        stress = None if answers.stresses is None else matrix.T @ answers.stresses[0] @ matrix
        return Answer(float(answers.energies[0]), answers.forces[0] @ matrix, stress)

    def _rotation(self, atoms: Atoms) -> Array:
        return random_rotation(generator(atoms, seed=self._seed))
