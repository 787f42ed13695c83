"""Cores: the part of a machine's that one worker's own process takes."""

from __future__ import annotations

import os

from zoo import settings

THREADS = "OMP_NUM_THREADS"


def variables(cores: int) -> dict[str, str]:
    """Environment of a worker that has so many: for solvers, and for tensors outside the model.

    Threads that wait spin: with as many in each worker as the machine has cores, two workers on two cores took half as
    long again for their relaxations. Who has set OMP_NUM_THREADS is obeyed; a model's own threads are the run's.
    """
    return {settings.SOLVER_CORES.name: str(cores), THREADS: os.environ.get(THREADS, str(cores))}
