"""A potential of two force heads: springs that are broken by a known amount, and the sound ones beside them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ase import Atoms

from tests.evaluation.springs import Springs
from zoo.batch import Batch, Computes
from zoo.cards.mode import Mode
from zoo.wrappers.surrogate import Surrogate


class TwoHeaded(Surrogate):
    """A surrogate whose other head is the sound springs, and takes twice as long."""

    def __init__(self, mode: str, *, other: bool = True, **broken: float) -> None:
        super().__init__(Springs(), **broken)  # type: ignore[arg-type]
        self.mode = Mode.parse(mode)
        self.other = other

    def in_other_head(self) -> contextlib.AbstractContextManager[Computes] | None:
        @contextlib.contextmanager
        def opened() -> Iterator[Computes]:
            yield Slow()

        return opened() if self.other else None


class Slow(Springs):
    """Springs that take two seconds where others take one."""

    def compute(self, atoms: Sequence[Atoms]) -> Batch:
        batch = super().compute(atoms)
        return replace(batch, seconds=2 * batch.seconds)
