"""What spreading costs: a task in one process, and over one and two workers, in turn.

    python tests/benchmarks/executors.py chgnet-0.3.0 --task eos --subset fast

Prints, per number of workers, the seconds of `--executor process` and its efficiency: the seconds that one process
takes, over workers times the seconds of these. Starting the models is part of both. On a machine that others use,
compare the ratios of several runs.
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
    given = parser.parse_args()
    task = ["--task", given.task, "--subset", given.subset, "--device", "cpu"]
    evaluate(
        given.name, *task[:2], "--subset", "canary", "--device", "cpu"
    )  # everything is fetched, built and compiled
    alone = evaluate(given.name, *task)
    print(f"serial      {alone:8.1f} s", flush=True)
    for workers in given.workers:
        seconds = evaluate(given.name, *task, "--executor", "process", "--workers", str(workers))
        print(f"{workers} worker(s) {seconds:8.1f} s, efficiency {alone / seconds / workers:.2f}", flush=True)


def evaluate(name: str, *options: str) -> float:
    """Seconds of one run from nothing."""
    with tempfile.TemporaryDirectory() as runs:
        command = [sys.executable, "-m", "zoo", "evaluate", name, *options, "--runs", runs]
        clock = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - clock


if __name__ == "__main__":
    main()
