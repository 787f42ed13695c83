"""Cores: how many of this machine's are for the solvers of one process."""

from __future__ import annotations

import os

VARIABLE = "MLIP_ZOO_SOLVER_CORES"
"""Set for the processes that share a machine, so that each does not take all of it."""


def available_cores() -> int:
    """Those that this process may use, or its part of them."""
    asked = os.environ.get(VARIABLE, "")
    return int(asked) if asked.isdecimal() and int(asked) else len(os.sched_getaffinity(0))


def cores_of(count: int) -> dict[str, str]:
    """Environment variables for a process that is to take so many."""
    return {VARIABLE: str(count)}
