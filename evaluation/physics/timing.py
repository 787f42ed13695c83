"""Timing: two potentials on the same structures, in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoo.batch import StructureFailure

if TYPE_CHECKING:
    from ase import Atoms

    from zoo.batch import Computes


@dataclass(frozen=True)
class Timed:
    """What the calls of a potential and of its reference took."""

    seconds: tuple[float, ...] = ()
    """s, inside the model, of each timed call."""
    reference_seconds: tuple[float, ...] = ()
    """s, likewise of the reference."""
    force_calls: int = 0
    """Evaluations of the potential's model in its timed calls."""
    error: StructureFailure | None = None
    """Why the potential has no answer; then nothing was timed."""
    reference_error: StructureFailure | None = None
    """Likewise of the reference."""


def timed(potential: Computes, reference: Computes, cells: Sequence[Atoms], *, warm_ups: int, repeats: int) -> Timed:
    """`repeats` calls of each with all of `cells`, after `warm_ups` that do not count.

    Which of the two is first changes from one repeat to the next, so that a machine that gets slower or faster in the
    course of a run moves both alike.
    """
    for _ in range(max(warm_ups, 1)):  # the first also says whether there is an answer
        error = next(filter(None, potential.compute(cells).errors), None)
        reference_error = next(filter(None, reference.compute(cells).errors), None)
        if error or reference_error:
            return Timed(error=error, reference_error=reference_error)
    seconds, others, force_calls = [], [], 0
    for repeat in range(repeats):
        if repeat % 2:
            others.append(reference.compute(cells).seconds)
        answer = potential.compute(cells)
        if not repeat % 2:
            others.append(reference.compute(cells).seconds)
        seconds.append(answer.seconds)
        force_calls += int(answer.calls.sum())
    return Timed(tuple(seconds), tuple(others), force_calls)
