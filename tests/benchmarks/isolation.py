"""What the pipe and the sandbox cost: the same call through a worker in each sandbox and in process, in turn.

    python tests/benchmarks/isolation.py chgnet-0.3.0 sevennet-0

Builds an environment that holds both the family's packages and ours, so that `isolated=False` is possible, and runs
itself there. Prints, per sandbox and case, the median over rounds of (isolated - in process) / in process with its
quartiles, and the same of each side's fastest call, which other work on the machine does not move.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ase import Atoms

    from zoo.potential import Potential

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

ROUNDS = {"64 atoms": 40, "256x8 atoms": 4}
IN_PROCESS = "in process"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        print(json.dumps(measure(given.names[0])))
        return
    for name in given.names:
        for case, (low, median, high, fastest, milliseconds) in run_inside(name).items():
            spread = f"(quartiles {low:+.2%} … {high:+.2%}; fastest {fastest:+.2%})"
            print(f"{name:16} {case:22} {median:+7.2%} {spread} of {milliseconds:.0f} ms", flush=True)


def run_inside(
    name: str, *, program: Path = Path(__file__), extra: str = "", arguments: Sequence[str] = ()
) -> dict[str, Any]:
    """Run a benchmark's `measure` in an environment that has everything."""
    import uv

    from zoo.cards import index
    from zoo.runtime import environment
    from zoo.sandbox.launch import KEEP_PAGES, THREADS

    family = environment.find(index.card(name).family)
    folder = ROOT / "build" / f"benchmark-{extra}{family.folder.name}"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([uv.find_uv_bin(), "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
        overrides = folder / "overrides.txt"
        overrides.write_text("\n".join(family.overrides), encoding="utf-8")
        subprocess.run(
            [
                *(uv.find_uv_bin(), "pip", "install", "--quiet", "--python", str(python)),
                *("--exclude-newer", family.exclude_newer, "--override", str(overrides)),
                *(*family.dependencies, "-e", f"{ROOT}[{extra}]" if extra else str(ROOT)),
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


def measure(name: str) -> dict[str, tuple[float, float, float, float, float]]:
    """Quartiles of the overhead, that of the fastest calls, and the call's milliseconds, per sandbox and case."""
    import zoo
    from zoo import example_crystals, settings
    from zoo.sandbox import choice, launch

    cells = {
        "64 atoms": [example_crystals.distorted("mgo-rocksalt").repeat((4, 4, 2))],
        "256x8 atoms": [example_crystals.distorted("mgo-rocksalt", seed=s).repeat((2, 2, 1)) for s in range(256)],
    }
    modes: tuple[launch.Confinement, ...] = ("none", "bwrap", "landlock")
    with contextlib.ExitStack() as stack:
        potentials: dict[str, Potential] = {
            IN_PROCESS: stack.enter_context(zoo.load(name, device="cpu", isolated=False))
        }
        for mode in modes:
            if mode == "none" or choice.unavailable(mode) is None:
                potentials[mode] = stack.enter_context(zoo.load(name, device="cpu", threads=1, isolated=True))
                settings.use(settings.SANDBOX, mode)
                potentials[mode].compute(cells["64 atoms"])  # its worker starts, in this mode
        found = {}
        for case, atoms in cells.items():
            times = _timed(potentials, atoms, rounds=ROUNDS[case])
            in_process = times.pop(IN_PROCESS)
            for where, isolated in times.items():
                overhead = [mine / plain - 1 for mine, plain in zip(isolated, in_process, strict=True)]
                low, median, high = statistics.quantiles(overhead, n=4)
                fastest = min(isolated) / min(in_process) - 1
                found[f"{where}, {case}"] = (low, median, high, fastest, statistics.median(in_process) * 1000)
    return found


def _timed(potentials: Mapping[str, Potential], atoms: Sequence[Atoms], *, rounds: int) -> dict[str, list[float]]:
    """Seconds of a call, per potential and round; every round starts with another one, and the first warms up."""
    names = list(potentials)
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds + 1):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            clock = time.perf_counter()
            potentials[name].compute(atoms)
            if turn:
                times[name].append(time.perf_counter() - clock)
    return times


if __name__ == "__main__":
    main()
