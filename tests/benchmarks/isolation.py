"""What the pipe and the sandbox cost: the same call through a worker in each sandbox and in process, in turn.

    python tests/benchmarks/isolation.py chgnet-0.3.0 sevennet-0

Builds an environment that holds both the family's packages and ours, so that `isolated=False` is possible, and runs
itself there. Prints, per sandbox and case, in parts of the call in process:

- *whole call*: the median over rounds of isolated - in process, with its 95 % interval (bootstrap over rounds).
  Other work on the machine moves it by percents, since it moves the model's own time.
- *outside the model*: the same of what a call takes before and after the model computes (the worker says how long that
  was): checks, pipe and the sandbox's system calls. Noise is that of milliseconds, not of the model's time.
- *inside the model*: what is left, the model's own time in the worker against the model's own time in process.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
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

SECONDS = {"64 atoms": 120.0, "256x8 atoms": 120.0}
"""How long each case is measured; rounds are as many as fit, and at least these:"""
ROUNDS = 3
IN_PROCESS = "in process"
PARTS = ("whole call", "outside the model", "inside the model")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        print(json.dumps(measure(given.names[0])))
        return
    for name in given.names:
        for case, parts in run_inside(name).items():
            for part, (low, median, high) in parts.items():
                print(f"{name:16} {case:34} {part:18} {median:+7.2%}  [{low:+.2%}, {high:+.2%}]", flush=True)


def run_inside(
    name: str, *, program: Path = Path(__file__), extra: str = "", arguments: Sequence[str] = ()
) -> dict[str, Any]:
    """Run a benchmark's `measure` in an environment that has everything."""
    from zoo.sandbox.launch import KEEP_PAGES, THREADS

    # the same allocator and threads on both sides: it is the pipe that is measured
    variables = {**os.environ, **KEEP_PAGES, **dict.fromkeys(THREADS, "1")}
    done = subprocess.run(
        [python_with(name, extra=extra), str(program), name, "--inside", *arguments],
        env=variables,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def python_with(name: str, *, extra: str = "") -> Path:
    """The interpreter of an environment that holds a family's packages and ours; built where it is missing."""
    import uv

    from zoo.cards import index
    from zoo.runtime import environment

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
    return python


def measure(name: str) -> dict[str, dict[str, tuple[float, float, float]]]:
    """Low end, median and high end of each part's overhead, per sandbox and case."""
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
            times = _timed(potentials, atoms, seconds=SECONDS[case])
            plain = times.pop(IN_PROCESS)
            call = statistics.median(whole for whole, _ in plain)
            for where, isolated in times.items():
                label = f"{where}, {case} ({len(plain)} rounds of {call * 1000:.0f} ms)"
                found[label] = _parts(isolated, plain, call=call)
    return found


Times = list[tuple[float, float]]
"""Seconds of the whole call, and of those the model's, per round."""


def _parts(isolated: Times, plain: Times, *, call: float) -> dict[str, tuple[float, float, float]]:
    pairs = list(zip(isolated, plain, strict=True))
    whole = [(mine[0] - theirs[0]) / call for mine, theirs in pairs]
    inside = [(mine[1] - theirs[1]) / call for mine, theirs in pairs]
    outside = [all_of_it - model for all_of_it, model in zip(whole, inside, strict=True)]
    return dict(zip(PARTS, map(_median_and_interval, (whole, outside, inside)), strict=True))


def _median_and_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Of rounds drawn again with replacement, seeded."""
    draw = random.Random(0)
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(1000))
    return medians[25], statistics.median(values), medians[974]


def _timed(potentials: Mapping[str, Potential], atoms: Sequence[Atoms], *, seconds: float) -> dict[str, Times]:
    """Times of a call that follows another one, per potential and round; every round starts with another potential.

    A turn's first call is not timed: a worker whose turn is long ago has given its memory back to the system.
    """
    names = list(potentials)
    times: dict[str, Times] = {name: [] for name in names}
    end, turn = time.monotonic() + seconds, 0
    while turn < ROUNDS or time.monotonic() < end:
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            potentials[name].compute(atoms)
            clock = time.perf_counter()
            batch = potentials[name].compute(atoms)
            times[name].append((time.perf_counter() - clock, batch.seconds))
        turn += 1
    return times


if __name__ == "__main__":
    main()
