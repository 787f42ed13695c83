"""Other mode: the same checkpoint in its other floating-point type or with its other force head, where it has one."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from zoo.batch import Computes
    from zoo.cards.mode import Dtype, Mode


@runtime_checkable
class TwoDtypes(Protocol):
    """Can be had in its other dtype: zoo.potential.Potential."""

    def in_other_dtype(self) -> AbstractContextManager[Computes] | None:
        """None where there is no other."""


@runtime_checkable
class TwoHeads(Protocol):
    """Can be had with its other force head: zoo.potential.Potential."""

    def in_other_head(self) -> AbstractContextManager[Computes] | None:
        """None where there is no other."""


def mode_of(potential: Computes) -> Mode | None:
    """The mode of an entry; None for a potential that is none, as a stand-in of the tests."""
    mode: Mode | None = getattr(potential, "mode", None)
    return mode


def other_dtype(potential: Computes) -> AbstractContextManager[Computes] | None:
    """The potential in its other dtype, in a worker of its own that ends with the `with` block."""
    return potential.in_other_dtype() if isinstance(potential, TwoDtypes) else None


def other_head(potential: Computes) -> AbstractContextManager[Computes] | None:
    """The potential with its other force head, likewise."""
    return potential.in_other_head() if isinstance(potential, TwoHeads) else None


def dtype_beside(dtype: Dtype) -> Dtype:
    """The one that is not this."""
    return "float64" if dtype == "float32" else "float32"
