"""What spreading costs: a task in one process, and over one and two workers, in turn.

    python tests/benchmarks/executors.py chgnet-0.3.0 --task relaxation --subset fast --rounds 3

Prints, per number of workers, the seconds of `--executor process` and its efficiency: the seconds that one process
takes, over workers times the seconds of these. A run is that and a start: each worker imports what a single process
does and starts a model of its own, so that short runs cannot be efficient. What a start takes is measured by running
the canary's few crystals in the same way, and the efficiency stands there once more without both: that of long runs.
A task that takes three minutes alone tells of both. On a machine that others use, compare the ratios of the rounds.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--task", default="eos")
    parser.add_argument("--subset", default="fast")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    evaluate(given.name, given.task, "canary")  # everything is fetched, built and compiled
    for _ in range(given.rounds):
        start, alone = (evaluate(given.name, given.task, subset) for subset in ("canary", given.subset))
        print(f"serial      {alone:8.1f} s, of which the start {start:.1f} s", flush=True)
        for workers in given.workers:
            spread = ["--executor", "process", "--workers", str(workers)]
            first, whole = (evaluate(given.name, given.task, subset, *spread) for subset in ("canary", given.subset))
            print(
                f"{workers} worker(s) {whole:8.1f} s, of which the start {first:.1f} s; efficiency "
                f"{alone / whole / workers:.2f}, without the starts {(alone - start) / (whole - first) / workers:.2f}",
                flush=True,
            )


def evaluate(name: str, task: str, subset: str, *options: str) -> float:
    """Seconds of one run from nothing."""
    with tempfile.TemporaryDirectory() as runs:
        what = ["--task", task, "--subset", subset, "--device", "cpu"]
        command = [sys.executable, "-m", "zoo", "evaluate", name, *what, *options, "--runs", runs]
        clock = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - clock


if __name__ == "__main__":
    main()
