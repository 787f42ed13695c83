"""Spread the toy on eos, in a process of its own so that it can be killed.

python toy_spread.py FOLDER SUBSET SHARDS             over processes
python toy_spread.py FOLDER SUBSET SHARDS CONFIG      over Parsl's workers
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from evaluation.errors import EvaluationError
from evaluation.executors.configuration import read_configuration
from evaluation.executors.parsl import ParslExecutor
from evaluation.executors.process import ProcessExecutor
from evaluation.executors.spread import Executor, spread
from tests.evaluation.executors.toy_child import toy_job

CHILD = Path(__file__).with_name("toy_child.py")


@contextlib.contextmanager
def executor(folder: Path, shards: int, config: str | None) -> Iterator[Executor]:
    if config is None:
        yield ProcessExecutor(workers=shards, program=[str(CHILD)])
        return
    asked = read_configuration(Path(config))
    with ParslExecutor(asked, folder=folder.absolute() / "parsl", program=[str(CHILD)], stall_limit=120.0) as engine:
        yield engine


if __name__ == "__main__":
    folder, shards, config = Path(sys.argv[1]), int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else None
    try:
        with executor(folder, shards, config) as engine:
            spread(toy_job(folder, sys.argv[2]), engine, count=shards, results=folder / "results")
    except EvaluationError as error:
        sys.exit(f"{type(error).__name__}: {error}")
