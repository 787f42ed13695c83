"""Spread the toy on eos over processes: `python toy_spread.py FOLDER SUBSET SHARDS`, so that it can be killed."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from evaluation.errors import EvaluationError
from evaluation.executors.job import Job
from evaluation.executors.process import ProcessExecutor
from evaluation.executors.spread import spread
from evaluation.subset import SUBSETS

CHILD = Path(__file__).with_name("toy_child.py")


def job(folder: Path, subset: str) -> Job:
    (chosen,) = (known for known in SUBSETS if known == subset)
    return Job(
        entry="toy@conservative", task="eos", subset=chosen, device="cpu", threads=1, runs=folder.absolute() / "runs"
    )


if __name__ == "__main__":
    folder, shards = Path(sys.argv[1]), int(sys.argv[3])
    try:
        spread(
            job(folder, sys.argv[2]),
            ProcessExecutor(workers=shards, program=[str(CHILD)]),
            count=shards,
            results=folder / "results",
        )
    except EvaluationError as error:
        sys.exit(f"{type(error).__name__}: {error}")
