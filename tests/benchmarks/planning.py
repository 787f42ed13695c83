"""How far `mlip-zoo plan` is off: published runs from their own smaller part and other runs, and from others alone.

    python -m tests.benchmarks.planning [OUT.json]

Leaves each published run out. Prints, per kind of basis, the median and the 90th percentile of the error as a factor
(1.25: 25 % too much or too little) of atoms × steps and of seconds in the model. Reference data that are not on this
machine name no samples: those runs are left out of the first two kinds.
"""

from __future__ import annotations

import json
import math
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles
from typing import Any

from evaluation import task as tasks
from evaluation.subset import Subset
from leaderboard.planning.forecast import Work, forecast
from leaderboard.planning.measured import Measured, measured
from leaderboard.ranking.collect import PUBLISHED, sample_names

PARTS: tuple[Subset, ...] = ("fast", "canary")


def main() -> None:
    found = errors(measured([PUBLISHED]))
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for basis, told in found.items():
        for quantity in ("atoms", "seconds"):
            each = told[quantity]
            print(
                f"{basis:28} {quantity:8} n = {told['n']:3}  median × {each['median']:.2f}, 90 % below "
                f"× {each['p90']:.2f}, {each['within_quarter']} of them within 25 %"
            )


def errors(runs: Sequence[Measured]) -> dict[str, dict[str, Any]]:
    """Kind of basis → n, and of atoms and seconds the errors' quantiles as factors."""
    factors: dict[str, dict[str, list[float]]] = defaultdict(lambda: {"atoms": [], "seconds": []})
    for run in runs:
        others = [other for other in runs if other is not run]
        bases = {"other runs alone": others}
        for subset in PARTS:
            names = sample_names(run.task, subset)
            if isinstance(names, frozenset) and not run.tried <= names and (part := run.only(names)):
                bases[f"its {subset} part, other runs"] = [part, *others]
        for basis, known in bases.items():
            told = forecast(_work(run), known)
            if told.atoms is None or told.model_seconds is None:
                continue
            true = {"atoms": sum(run.atoms.values()), "seconds": sum(run.seconds.values())}
            for quantity, value in (("atoms", told.atoms), ("seconds", told.model_seconds)):
                factors[basis][quantity].append(math.exp(abs(math.log(value / true[quantity]))))
    return {basis: _told(each) for basis, each in sorted(factors.items())}


def _work(run: Measured) -> Work:
    """The run once more, on the samples that the model turned out to know."""
    protocol = tasks.load(run.task).protocol
    names = dict.fromkeys(sorted(run.atoms))
    return Work(run.entry, run.card, run.mode, run.task, "full", names, protocol.samples_per_chunk, run.device)


def _told(factors: dict[str, list[float]]) -> dict[str, Any]:
    return {"n": len(factors["atoms"])} | {
        quantity: {
            "median": quantiles(values, n=2)[0],
            "p90": quantiles(values, n=10)[-1],
            "within_quarter": sum(value <= 1.25 for value in values),
        }
        for quantity, values in factors.items()
    }


if __name__ == "__main__":
    main()
