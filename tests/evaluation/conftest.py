"""What several files of tests compare with, and computes once."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.harness.run import Evaluation
from evaluation.task import load
from tests import toy


@pytest.fixture(scope="session")
def undisturbed_fast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy on the fast subset of eos, by one process that nobody disturbs: `runs` and `results`."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with toy.potential(folder) as potential:
        runs, results = folder / "runs", folder / "results"
        Evaluation(potential, load("eos"), subset="fast", threads=1, runs=runs, results=results).run()
    return folder
