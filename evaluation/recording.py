"""Recording: how an answer, or the failure to give one, becomes a record."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import JsonValue

from evaluation.record import Record
from zoo.batch import StructureFailure
from zoo.text import plain

if TYPE_CHECKING:
    from ase import Atoms

    from evaluation.physics.relaxation import Relaxed
    from zoo.batch import Batch

_LONGEST_ERROR = 4_000
"""Characters of the text that a record keeps of a failure."""


@dataclass(frozen=True)
class SampleCost:
    """What one sample took; the same three numbers as in its Record."""

    force_calls: int = 0
    """Evaluations of the model."""
    atom_calls: int = 0
    """Atoms evaluated, summed over the force calls."""
    seconds: float = 0.0
    """Share of the model's compute time, s."""

    @classmethod
    def of_cell(cls, n_atoms: int, *, force_calls: int, seconds: float) -> SampleCost:
        """Of evaluations that all had the same number of atoms."""
        return cls(force_calls, force_calls * n_atoms, seconds)

    @classmethod
    def of_answers(cls, cells: Sequence[Atoms], answers: Batch, rows: slice) -> SampleCost:
        """Of a sample's own structures, whose answers are these rows of a batch."""
        calls = answers.calls[rows]
        atoms = sum(int(n) * len(cell) for n, cell in zip(calls, cells, strict=True))
        return cls(int(calls.sum()), atoms, float(answers.share_seconds()[rows].sum()))

    def __add__(self, other: SampleCost) -> SampleCost:
        return SampleCost(
            self.force_calls + other.force_calls, self.atom_calls + other.atom_calls, self.seconds + other.seconds
        )


def succeeded(sample: str, outputs: Mapping[str, JsonValue], cost: SampleCost) -> Record:
    """The record of a sample that the model has an answer for; of one with a number that is none it has failed."""
    if place := _not_a_number(outputs):
        return failed(sample, StructureFailure("failed", f"the model led to no number: {place}"), cost)
    return Record(
        sample=sample,
        status="ok",
        outputs=dict(outputs),
        force_calls=cost.force_calls,
        atom_calls=cost.atom_calls,
        seconds=cost.seconds,
    )


def _not_a_number(value: object) -> str | None:
    """Where in the outputs there is an infinite number or none; None where all are numbers."""
    if isinstance(value, float):
        return "" if not math.isfinite(value) else None
    parts: Iterable[tuple[object, object]] = ()
    if isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, list | tuple):
        parts = enumerate(value)
    for name, part in parts:
        if (place := _not_a_number(part)) is not None:
            return f"{name}.{place}".rstrip(".")
    return None


def failed(sample: str, failure: StructureFailure, cost: SampleCost) -> Record:
    """The record of a sample that it has none for: the failure's kind is the status, its text the error."""
    return Record(
        sample=sample,
        status=failure.kind,
        error=plain(str(failure), limit=_LONGEST_ERROR, lines=40),
        force_calls=cost.force_calls,
        atom_calls=cost.atom_calls,
        seconds=cost.seconds,
    )


def extended(record: Record, outcome: Mapping[str, JsonValue] | StructureFailure, cost: SampleCost) -> Record:
    """An ok record with more outputs and what they cost; or, where there are none, the failed record."""
    spent = cost + SampleCost(record.force_calls, record.atom_calls, record.seconds)
    if isinstance(outcome, StructureFailure):
        return failed(record.sample, outcome, spent)
    return succeeded(record.sample, {**record.outputs, **outcome}, spent)


def relaxed_record(sample: str, relaxed: Relaxed, *, reference: Atoms, **outputs: JsonValue) -> Record:
    """The record of a relaxation: both geometries and the whole way, with the task's own outputs beside them."""
    cost = SampleCost.of_cell(len(reference), force_calls=relaxed.force_calls, seconds=relaxed.seconds)
    if relaxed.error is not None or relaxed.atoms is None:
        return failed(sample, relaxed.error or StructureFailure("failed", "no structure"), cost)
    whole: dict[str, JsonValue] = {
        "numbers": reference.numbers.tolist(),
        "reference_cell": reference.cell.array.tolist(),
        "reference_positions": reference.positions.tolist(),
        "cell": relaxed.atoms.cell.array.tolist(),
        "positions": relaxed.atoms.positions.tolist(),
        "converged": relaxed.converged,
        "energies": [*relaxed.energies],
        "max_forces": [*relaxed.max_forces],
        "max_cell_forces": [*relaxed.max_cell_forces],
        **outputs,
    }
    return succeeded(sample, whole, cost)
