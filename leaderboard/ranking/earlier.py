"""Earlier: the headline figures of results before a change of protocols or definitions, kept in one small file.

    python -m leaderboard.ranking.earlier FOLDER    # an older folder of results, as `git archive` brings it back

writes `leaderboard/earlier.json`. The page about versions compares them with today's board.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import TypeAdapter

from evaluation import task as tasks
from evaluation.result import read_result
from evaluation.subset import Subset
from zoo.files import write_json
from zoo.strict import Strict

PATH = Path(__file__).parents[1] / "earlier.json"

RANKED_BY = {"constraints": "lambda"}
"""Task → the metric that ranked it then, where today another one does."""
WHY = {
    "constraints": "λ, which is rounding wherever forces are a gradient, ranked them; now the rotation error of forces "
    "does, in which up to 0.05 meV/Å are equal.",
    "elasticity": "Errors are medians now, and a crystal without moduli costs; it left the mean.",
    "eos": "Δ is a median now, unsupported elements leave it, and a fit with a B0' outside -1 to 20 is a failure.",
    "forces": "Force errors are the same; energies are compared after the corrections that a model learned with.",
    "kappa": "The fast subset has wurtzites, and other solids.",
    "phonons": "The same figure at 0.03 Å; what a second displacement, of 0.01 Å, changes stands beside it.",
    "relaxation": "L-BFGS to 1e-3 eV/Å instead of FIRE to 0.02, at which most crystals stopped where they started; "
    "what a model does not support leaves the score.",
}
"""Task → what changed since, for a reader of its ranks."""
WHY_ALL = "What a model does not support leaves the score now."
"""What changed in every task."""


class Earlier(Strict):
    """One entry's headline figure then."""

    task: str
    subset: Subset
    entry: str
    protocol_version: int
    metric: str
    value: float | None
    n: int
    """Samples behind the value."""


def read() -> list[Earlier]:
    """All that are kept, by task, subset and entry."""
    return TypeAdapter(list[Earlier]).validate_json(PATH.read_bytes())


def collect(folder: Path) -> list[Earlier]:
    """The headline figures of a folder of results; those of tasks that are no more are left out."""
    found = []
    for path in sorted(folder.glob("*/*.json")):
        if path.parent.name not in tasks.names():
            continue
        result = read_result(path)
        run = result.run
        metric = RANKED_BY.get(run.task) or tasks.load(run.task).metrics[0].name
        if (score := result.scores.get(metric)) is None:
            continue
        found.append(
            Earlier(
                task=run.task,
                subset=run.subset,
                entry=run.entry,
                protocol_version=run.protocol_version,
                metric=metric,
                value=score.value,
                n=score.n,
            )
        )
    return sorted(found, key=lambda each: (each.task, each.subset, each.entry))


def main() -> None:
    """Read the folder that is named, write the file."""
    found = collect(Path(sys.argv[1]))
    write_json(PATH, [each.model_dump() for each in found])
    sys.stdout.write(f"{PATH}: {len(found)} figures\n")


if __name__ == "__main__":
    main()
