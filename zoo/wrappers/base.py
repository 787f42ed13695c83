"""Wrapper: a potential around a potential. It says which structures to evaluate, and what their answers make."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

from zoo.batch import Array, Batch, Computes, Spread, StructureFailure
from zoo.errors import StructureError

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True)
class Answers:
    """What the model says to the k structures of one structure of n atoms."""

    energies: Array
    """(k,), eV."""
    forces: Array
    """(k, n, 3), eV/Å."""
    stresses: Array | None
    """(k, 3, 3), eV/Å³."""


@dataclass(frozen=True)
class Deviation:
    """One structure's part of a Spread, in its units."""

    energy_per_atom: float
    forces: Array
    """(n,)"""
    stress: float | None


@dataclass(frozen=True)
class Answer:
    """The one answer that comes of them."""

    energy: float
    forces: Array
    """(n, 3), eV/Å."""
    stress: Array | None
    """(3, 3), eV/Å³; NaN and None as in Batch."""
    deviation: Deviation | None = None


class Wrapper(ABC):
    """All structures of a call, and all their variants, go through the model as one stream.

    A structure fails with the model's own reason where any of its evaluations failed. `model` may be a wrapper itself.
    """

    def __init__(self, model: Computes) -> None:
        self.model = model

    @abstractmethod
    def variants(self, atoms: Atoms) -> list[Atoms]:
        """The structures to evaluate, each of as many atoms, in their order, as `atoms`.

        Raises StructureError where the wrapper cannot do these atoms.
        """

    @abstractmethod
    def combine(self, atoms: Atoms, answers: Answers) -> Answer:
        """The answer for `atoms`, from those to its variants. Raises StructureError likewise."""

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        """Energies, forces and stresses; see zoo.batch."""
        errors: list[StructureFailure | None] = []
        variants: list[list[Atoms]] = []
        for each in atoms:
            try:
                # the model answers a structure without atoms
                variants.append(self.variants(each) if len(each) else [each])
                errors.append(None)
            except StructureError as error:
                variants.append([])
                errors.append(StructureFailure("failed", str(error)))
        batch = self.model.compute([variant for group in variants for variant in group])
        parts = [slice(*ends) for ends in pairwise(accumulate(map(len, variants), initial=0))]
        answers: list[Answer | None] = []
        for index, (each, part) in enumerate(zip(atoms, parts, strict=True)):
            answer = None
            errors[index] = errors[index] or next(filter(None, batch.errors[part]), None)
            if errors[index] is None:
                try:
                    answer = self.combine(each, _answers(batch, part))
                except StructureError as error:
                    errors[index] = StructureFailure("failed", str(error))
            answers.append(answer)
        return Batch(
            energies=np.array([np.nan if answer is None else answer.energy for answer in answers]),
            forces=[
                np.full((len(each), 3), np.nan) if answer is None else answer.forces
                for each, answer in zip(atoms, answers, strict=True)
            ],
            stresses=_stresses(answers),
            errors=errors,
            seconds=batch.seconds,
            calls=np.array([batch.calls[part].sum() for part in parts], dtype=np.int64),
            spread=_spread(atoms, answers),
        )


def _answers(batch: Batch, part: slice) -> Answers:
    return Answers(
        energies=batch.energies[part],
        forces=np.array(batch.forces[part]),
        stresses=None if batch.stresses is None else batch.stresses[part],
    )


def _stresses(answers: Sequence[Answer | None]) -> Array | None:
    """None where any answer lacks a stress, as a model without one has none for any structure."""
    if any(answer is not None and answer.stress is None for answer in answers):
        return None
    nothing = np.full((3, 3), np.nan)
    stresses = [nothing if answer is None else answer.stress for answer in answers]
    return np.array(stresses, dtype=np.float64).reshape(-1, 3, 3)


def _spread(atoms: Sequence[Atoms], answers: Sequence[Answer | None]) -> Spread | None:
    deviations = [None if answer is None else answer.deviation for answer in answers]
    given = [deviation for deviation in deviations if deviation is not None]
    if not given:
        return None
    return Spread(
        energies_per_atom=np.array([np.nan if each is None else each.energy_per_atom for each in deviations]),
        forces=[
            np.full(len(each), np.nan) if deviation is None else deviation.forces
            for each, deviation in zip(atoms, deviations, strict=True)
        ],
        stresses=None
        if any(each.stress is None for each in given)
        else np.array([np.nan if each is None else each.stress for each in deviations], dtype=np.float64),
    )
