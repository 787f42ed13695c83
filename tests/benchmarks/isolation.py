"""What the pipe costs: the same call through a worker and in process, in turn, in one process.

    python tests/benchmarks/isolation.py chgnet-0.3.0 sevennet-0

Builds an environment that holds both the family's packages and ours, so that `isolated=False` is possible, and runs
itself there. Prints, per case, the median over pairs of (isolated - in process) / in process, and its quartiles.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

PAIRS = {"64 atoms": 25, "256x8 atoms": 4}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        print(json.dumps(measure(given.names[0])))
        return
    for name in given.names:
        for case, (low, median, high, milliseconds) in run_inside(name).items():
            spread = f"(quartiles {low:+.2%} … {high:+.2%})"
            print(f"{name:16} {case:12} {median:+7.2%} {spread} of {milliseconds:.0f} ms", flush=True)


def run_inside(
    name: str, *, program: Path = Path(__file__), extra: str = "", arguments: Sequence[str] = ()
) -> dict[str, Any]:
    """Run a benchmark's `measure` in an environment that has everything."""
    import uv

    from zoo.cards import index
    from zoo.runtime import environment
    from zoo.runtime.sandbox import KEEP_PAGES, THREADS

    family = environment.find(index.card(name).family)
    folder = ROOT / "build" / f"benchmark-{extra}{family.folder.name}"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([uv.find_uv_bin(), "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
        subprocess.run(
            [
                *(uv.find_uv_bin(), "pip", "install", "--quiet", "--python", str(python)),
                *(
                    "--exclude-newer",
                    family.exclude_newer,
                    *family.dependencies,
                    "-e",
                    f"{ROOT}[{extra}]" if extra else str(ROOT),
                ),
            ],
            check=True,
        )
    # the same allocator and threads on both sides: it is the pipe that is measured
    variables = {**os.environ, **KEEP_PAGES, **dict.fromkeys(THREADS, "1")}
    done = subprocess.run(
        [python, str(program), name, "--inside", *arguments],
        env=variables,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measure(name: str) -> dict[str, tuple[float, float, float, float]]:
    """(lower quartile, median, upper quartile) of the overhead, and the call's milliseconds, per case."""
    import zoo
    from zoo import example_crystals

    cells = {
        "64 atoms": [example_crystals.distorted("mgo-rocksalt").repeat((4, 4, 2))],
        "256x8 atoms": [example_crystals.distorted("mgo-rocksalt", seed=s).repeat((2, 2, 1)) for s in range(256)],
    }
    found = {}
    with (
        zoo.load(name, device="cpu", threads=1, isolated=True) as isolated,
        zoo.load(name, device="cpu", isolated=False) as inside,
    ):
        for case, atoms in cells.items():
            ratios, seconds = [], []
            for pair in range(PAIRS[case] + 1):
                times = {}
                # in turn, and each first as often as second
                for potential in (isolated, inside) if pair % 2 else (inside, isolated):
                    clock = time.perf_counter()
                    potential.compute(atoms)
                    times[potential is isolated] = time.perf_counter() - clock
                if pair:  # the first one warms up
                    ratios.append(times[True] / times[False] - 1)
                    seconds.append(times[False])
            low, median, high = statistics.quantiles(ratios, n=4)
            found[case] = (low, median, high, statistics.median(seconds) * 1000)
    return found


if __name__ == "__main__":
    main()
