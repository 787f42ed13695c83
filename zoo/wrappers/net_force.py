"""Net-force removal: the mean force is subtracted from every atom's, so that a crystal does not accelerate.

The net force of a gradient is zero already; that of a direct head is not. The error is hidden, not removed: the crystal
stays where it is, but rotation error, loop work and asymmetric force constants stay what they were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo.wrappers.base import Answer, Answers, Wrapper

if TYPE_CHECKING:
    from ase import Atoms


class NetForce(Wrapper):
    """Forces of zero sum, every atom treated alike whatever its mass."""

    def variants(self, atoms: Atoms) -> list[Atoms]:
        return [atoms]

    def combine(self, atoms: Atoms, answers: Answers) -> Answer:  # noqa: ARG002  # the interface
        forces = answers.forces[0]
        stress = None if answers.stresses is None else answers.stresses[0]
        return Answer(float(answers.energies[0]), forces - forces.mean(axis=0), stress)
