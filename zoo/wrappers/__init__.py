"""Wrappers around any potential, on the host: one file each, all of them batched.

Those that an entry's mode can name (`sevennet-0@conservative+o3-3`) are put around a model by `averaged`; the others
are put around a potential by hand: `NetForce(zoo.load("…"))`. Each has `compute`, as every potential.
"""

from __future__ import annotations

from zoo.batch import Computes
from zoo.cards.mode import Averaging


def averaged(model: Computes, averaging: Averaging) -> Computes:
    """The model, symmetrised as a mode says. Raises ModeError where this installation can't."""
    match averaging.split("-"):
        case ["o3", l_max, *inversion]:
            from zoo.wrappers.o3_average import O3Average

            return O3Average(model, l_max=int(l_max), inversion=bool(inversion))
        case ["space", "group"]:
            from zoo.wrappers.space_group_average import SpaceGroupAverage

            return SpaceGroupAverage(model)
        case ["random", "frame"]:
            from zoo.wrappers.random_frame import RandomFrame

            return RandomFrame(model)
        case _:
            return model
