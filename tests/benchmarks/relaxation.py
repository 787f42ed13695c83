"""What relaxing in batches buys: structures per second against ASE one by one, and against torch-sim in process.

    python tests/benchmarks/relaxation.py chgnet-0.3.0

Prints, per model: batched over the isolated potential against a loop of ASE's FIRE over the same potential (the bar is
1.5 on two cores; 20 with `--device cuda`, where there are more structures to a batch), and against torch-sim's own
loop with the model in this process (the bar is 0.9). On a CPU each ratio is given once more in CPU seconds, of this
process and its workers: where others use the machine, the clock on the wall measures them. Last, how many of FIRE's
steps L-BFGS saves (the bar is 4). Runs in an environment like that of tests/benchmarks/isolation.py, which holds the
family's packages and ours.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

if TYPE_CHECKING:
    from ase import Atoms

FMAX, STEPS, ROUNDS = 0.02, 500, 3
COPIES = {"cpu": 4, "cuda": 64}
"""Rattled copies of each crystal: enough to fill a batch of the device."""
ALONE = {"cpu": 4, "cuda": 1}
"""Copies of each that ASE relaxes: one by one, more of them change no rate."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+")
    parser.add_argument("--device", choices=sorted(COPIES), default="cpu")
    parser.add_argument("--small", action="store_true", help="one of each crystal and one round, for a try")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        print(json.dumps(measure(given.names[0], device=given.device, small=given.small)))
        return
    from tests.benchmarks.isolation import run_inside

    arguments = ["--device", given.device, *(["--small"] if given.small else [])]
    for name in given.names:
        found = run_inside(name, program=Path(__file__), extra="evaluation", arguments=arguments)
        for case, ratios in found.items():
            spread = f"(of {len(ratios)} rounds {min(ratios):.2f} … {max(ratios):.2f})"
            print(f"{name:16} batched / {case:26} {statistics.median(ratios):5.2f} {spread}", flush=True)


def measure(name: str, *, device: str, small: bool) -> dict[str, list[float]]:
    """Structures per second of the batched relaxation over those of the other way, per round, each way in turn."""
    import zoo
    from evaluation.physics.relax import relax
    from evaluation.physics.relaxation import Relaxation
    from zoo import example_crystals

    starts = [
        example_crystals.distorted(known, seed=seed)
        for seed in range(1 if small else COPIES[device])
        for known in example_crystals.names()
    ]
    alone = starts[: ALONE[device] * len(example_crystals.names())]
    settings = Relaxation(fmax=FMAX, steps=STEPS)
    found: dict[str, list[float]] = {}
    with (
        zoo.load(name, device=device, threads=1, isolated=True) as isolated,
        zoo.load(name, device=device, isolated=False) as inside,
    ):
        for turn in range(2 if small else ROUNDS + 1):
            took = {
                "batched": clocked(lambda: relax(isolated, starts, settings), len(starts)),
                "ASE, isolated": clocked(lambda: one_by_one(isolated, alone), len(alone)),
                "torch-sim, in process": clocked(lambda: in_torch_sim(inside, starts, device), len(starts)),
            }
            print(turn, took, file=sys.stderr, flush=True)
            if not turn:  # the first one warms up
                continue
            for case in ("ASE, isolated", "torch-sim, in process"):
                found.setdefault(case, []).append(took[case].wall / took["batched"].wall)
                if device == "cpu":
                    found.setdefault(f"{case}, CPU", []).append(took[case].cpu / took["batched"].cpu)
        steps = [
            sum(one.steps for one in relax(isolated, starts, replace(settings, optimizer=optimizer)))
            for optimizer in ("fire", "lbfgs")
        ]
    return {**found, "L-BFGS, FIRE's steps": [steps[0] / steps[1]]}


def one_by_one(potential: Any, starts: Sequence[Atoms]) -> None:
    from ase.filters import FrechetCellFilter
    from ase.optimize import FIRE

    for start in starts:
        atoms = start.copy()
        atoms.calc = potential
        FIRE(FrechetCellFilter(atoms), logfile=io.StringIO()).run(fmax=FMAX, steps=STEPS)


def in_torch_sim(potential: Any, starts: Sequence[Atoms], device: str) -> None:
    import torch
    import torch_sim as ts

    def converged(state: Any, last_energy: torch.Tensor | None = None) -> torch.Tensor:
        forces = state.deform_grad_forces().norm(dim=1)
        longest = forces.new_zeros(state.n_systems).scatter_reduce(0, state.system_idx, forces, "amax")
        return torch.maximum(longest, state.cell_forces.norm(dim=2).amax(1)) < FMAX

    ts.optimize(
        system=list(starts),
        model=potential.as_torch_sim(device=device),
        optimizer=ts.Optimizer.fire,
        convergence_fn=converged,
        max_steps=STEPS,
        steps_between_swaps=1,
        init_kwargs={"cell_filter": ts.CellFilter.frechet},
    )


class Took(NamedTuple):
    """Seconds per structure."""

    wall: float
    cpu: float


def clocked(work: Callable[[], object], structures: int) -> Took:
    wall, cpu = time.perf_counter(), cpu_seconds()
    work()
    return Took((time.perf_counter() - wall) / structures, (cpu_seconds() - cpu) / structures)


def cpu_seconds() -> float:
    """Of this process and its children; of itself alone where there is no /proc."""
    total = time.process_time()
    for children in Path("/proc/self/task").glob("*/children"):
        for child in children.read_text().split():
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


if __name__ == "__main__":
    main()
