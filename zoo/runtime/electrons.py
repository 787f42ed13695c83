"""Total charge and spin of a structure: what `atoms.info` says of them, and what of it a model does not read.

`charge` is in units of e, `spin` the multiplicity 2S + 1: the keys of fairchem (UMA), Orb and MACE-OMOL.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms

READ = ("charge", "spin")
RANGES = {"charge": (-100, 100), "spin": (0, 100)}
"""For which the families' models have rows."""
UNREAD = ("total_charge", "total_spin", "multiplicity", "spin_multiplicity")
"""Other names of the same, which no model gets."""


def value(atoms: Atoms, key: str) -> float | None:
    """`atoms.info[key]` as a number; None where it is not given, or `problem` says that it is none."""
    if atoms.info.get(key) is None:
        return None
    array = np.asarray(atoms.info[key])
    if array.ndim or array.dtype.kind not in "iuf":
        return None
    return float(array)


def problem(atoms: Atoms, keys: Collection[str]) -> str | None:
    """What is wrong with the charge or spin of a structure; None where nothing is. `keys` are those that are read."""
    for key in keys:
        if atoms.info.get(key) is None:
            continue
        low, high = RANGES[key]
        number = value(atoms, key)
        if number is None or not (low <= number <= high and number.is_integer()):
            meaning = "multiplicity 2S + 1" if key == "spin" else "total charge in e"
            shown = repr(atoms.info[key])[:60]
            return f"atoms.info[{key!r}] must be a whole number from {low} to {high} ({meaning}) and is {shown}"
    return None


def unread(atoms: Sequence[Atoms], keys: Collection[str]) -> list[str]:
    """What the structures say of charge or spin beyond `keys`, as a person would write it.

    A zero says nothing.
    """
    others = [key for key in (*READ, *UNREAD) if key not in keys]
    telling = [each.info for each in atoms if each.info]  # most say nothing: thousands are asked for at once
    found = [f"atoms.info[{key!r}]" for key in others if any(_says_something(info.get(key)) for info in telling)]
    if any(each.has("initial_charges") and each.get_initial_charges().any() for each in atoms):
        found.append("the initial charges")
    return found


def differ(first: Atoms, second: Atoms) -> list[str]:
    """The keys of charge and spin in which two structures differ."""
    return [key for key in READ if repr(first.info.get(key)) != repr(second.info.get(key))]


def _says_something(given: object) -> bool:
    return given is not None and not (np.ndim(given) == 0 and given == 0)  # type: ignore[arg-type]  # anything
