"""Evaluate the toy on eos: `python toy_run.py FOLDER SUBSET`, in a process of its own so that it can be killed."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from evaluation.harness.run import Evaluation
from evaluation.subset import SUBSETS
from evaluation.task import load
from tests import toy

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (subset,) = (known for known in SUBSETS if known == sys.argv[2])
    with toy.potential(folder) as potential:
        job = Evaluation(
            potential, load("eos"), subset=subset, threads=1, runs=folder / "runs", results=folder / "results"
        )
        job.run(lambda progress: print(progress.done, progress.total, flush=True))
