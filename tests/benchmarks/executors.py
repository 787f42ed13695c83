"""What spreading costs: a task in one process, and over one and two workers, in turn.

    python tests/benchmarks/executors.py chgnet-0.3.0 --task formation --subset fast --rounds 3

Prints, per number of workers, the seconds of `--executor process` and its efficiency: the seconds that one process
takes, over workers times the seconds of these. A run is that and a start: each worker imports what a single process
does and starts a model of its own, so that short runs cannot be efficient. What a start takes is measured by running
the canary's few crystals in the same way, and the efficiency stands there once more without both: that of long runs.
A task that takes three minutes alone tells of both. On a machine that others use, compare the ratios of the rounds.

With `--ceiling`, what the machine gives is measured beside it: that many single runs at once, which share memory and
clock and nothing of ours. One of them alone, over the slowest of these, is the efficiency that no executor can exceed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--task", default="formation")
    parser.add_argument("--subset", default="fast")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--ceiling", action="store_true", help="measure what the machine gives as well")
    given = parser.parse_args()
    what = (given.name, given.task, given.subset)
    measure(*what, workers=given.workers, rounds=given.rounds, ceiling=given.ceiling, say=print)


def measure(
    name: str,
    task: str,
    subset: str,
    *,
    workers: list[int],
    rounds: int = 1,
    ceiling: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, list[float]]:
    """Seconds and efficiencies by what they are of, one of each per round."""
    found: dict[str, list[float]] = {}

    def tell(what: str, value: float) -> None:
        found.setdefault(what, []).append(value)
        say(f"{what:60} {value:8.2f}")

    evaluate(name, task, "canary")  # everything is fetched, built and compiled
    for _ in range(rounds):
        start, alone = (evaluate(name, task, each) for each in ("canary", subset))
        tell("one process, s", alone)
        tell("one process, of which the start, s", start)
        for count in workers:
            spread = ["--executor", "process", "--workers", str(count)]
            them = f"{count} worker" + ("s" if count > 1 else "")
            first, whole = (evaluate(name, task, each, *spread) for each in ("canary", subset))
            tell(f"{them}, s", whole)
            tell(f"{them}, of which the start, s", first)
            tell(f"{them}, efficiency", alone / whole / count)
            long = (alone - start) / (whole - first) / count
            tell(f"{them}, efficiency without the starts", long)
            if ceiling and count > 1:
                crowded = at_once(count, name, task, subset)
                tell(f"{count} single runs at once: one alone / the slowest", alone / crowded)
    return found


def at_once(count: int, *what: str) -> float:
    """Seconds until the last of so many single runs has ended."""
    with ThreadPoolExecutor(count) as pool:
        return max(pool.map(lambda _: evaluate(*what), range(count)))


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
