"""A shard of the toy, in the place of `python -m evaluation.executors.child`, which loads models by name."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from evaluation.executors.child import main
from evaluation.executors.job import Job
from tests import toy
from zoo.potential import Potential


def opens(job: Job) -> Potential:
    potential = toy.potential(job.runs.parent)
    if limit := os.environ.get("TOY_DISK"):  # bytes of a file: beyond it, writing fails as at the end of a disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
    return potential


if __name__ == "__main__":
    sys.exit(main(opens))
