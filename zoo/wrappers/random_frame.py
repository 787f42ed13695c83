"""Random frame: each structure is evaluated in one random orientation, and the answer rotated back.

It costs one evaluation, and removes the preferred orientations of crystal builders and data sets: a model's error
under rotation becomes noise of that size, different for every structure, instead of a bias. The rotation follows
from the structure's content, so the same structure always has the same answer; two structures that differ in the
last bit have independent ones, and the energy is not a continuous function of positions any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo.batch import Array, Computes
from zoo.wrappers.base import Answer, Answers, Wrapper
from zoo.wrappers.rotation import random_rotation, rotated
from zoo.wrappers.structure_seed import generator

if TYPE_CHECKING:
    from ase import Atoms


class RandomFrame(Wrapper):
    """One random orientation per structure; the same `seed` and structure always give the same one."""

    def __init__(self, model: Computes, *, seed: int = 0) -> None:
        super().__init__(model)
        self._seed = seed

    def variants(self, atoms: Atoms) -> list[Atoms]:
        return [rotated(atoms, self._rotation(atoms))]

    def combine(self, atoms: Atoms, answers: Answers) -> Answer:
        matrix = self._rotation(atoms)
        stress = None if answers.stresses is None else matrix.T @ answers.stresses[0] @ matrix
        return Answer(float(answers.energies[0]), answers.forces[0] @ matrix, stress)

    def _rotation(self, atoms: Atoms) -> Array:
        return random_rotation(generator(atoms, seed=self._seed))
