"""Survival: at which precisions a relaxed crystal still shows the space group that it should have."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.metrics.geometry import Crystal, space_group, symmetry_change


def survival(relaxed: Crystal, reference: Crystal, symprecs: Sequence[float]) -> list[bool | None]:
    """For each precision (Å) whether both have the same space group; None where the reference itself shows none.

    A relaxed crystal in which the search fails has not kept its group.
    """
    found: list[bool | None] = []
    for symprec in symprecs:
        expected = space_group(reference, symprec)
        change = symmetry_change(space_group(relaxed, symprec), expected)
        found.append(None if expected is None else change == "match")
    return found


def share(kept: Sequence[bool | None]) -> float | None:
    """Share of the precisions at which the group was kept, of those that can tell; None where none can."""
    known = [one for one in kept if one is not None]
    return sum(known) / len(known) if known else None


def recovered_symprec(kept: Sequence[bool | None], symprecs: Sequence[float]) -> float | None:
    """The smallest precision (Å) that shows the group; None where none does."""
    return next((symprec for symprec, one in zip(symprecs, kept, strict=True) if one), None)
