"""A shard of the toy, whose model cannot be loaded by name.

python toy_child.py                   in the place of `python -m evaluation.executors.child`
python toy_child.py FOLDER SUBSET I/N in the place of `mlip-zoo evaluate --shard I/N`
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from evaluation.executors.child import main
from evaluation.executors.job import Job
from evaluation.executors.work import work
from evaluation.harness.shard import Shard
from evaluation.subset import SUBSETS
from tests import toy
from zoo.potential import Potential


def toy_job(folder: Path, subset: str) -> Job:
    (chosen,) = (known for known in SUBSETS if known == subset)
    runs = folder.absolute() / "runs"
    return Job(entry="toy@conservative", task="eos", subset=chosen, device="cpu", threads=1, runs=runs)


def opens(job: Job) -> Potential:
    potential = toy.potential(job.runs.parent)
    print("the toy is opened", file=sys.stderr)
    if limit := os.environ.get("TOY_DISK"):  # bytes of a file: beyond it, writing fails as at the end of a disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
    return potential


if __name__ == "__main__":
    if sys.argv[1:]:
        work(toy_job(Path(sys.argv[1]), sys.argv[2]), Shard.parse(sys.argv[3]), opens)
        sys.exit()
    sys.exit(main(opens))
