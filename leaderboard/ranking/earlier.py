"""Earlier: the headline figures of results before a change of protocols or definitions, kept in one small file.

    python -m leaderboard.ranking.earlier CHECKOUT    # an older commit, from `git archive`

writes `leaderboard/earlier.json`: the figures, and what each was called and averaged then, as that checkout's own code
says. The page about versions compares them with today's board.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from evaluation import task as tasks
from evaluation.metric import Metric
from evaluation.result import read_result
from evaluation.subset import Subset
from zoo.cards import index
from zoo.files import write_json
from zoo.strict import Strict

PATH = Path(__file__).parents[1] / "earlier.json"

WHY = {
    "constraints": "λ, which is rounding wherever forces are a gradient, ranked them; now the rotation error of forces "
    "does, in which up to 0.05 meV/Å are equal.",
    "elasticity": "Errors are medians now, and a crystal without moduli costs; it left the mean.",
    "eos": "Δ is a median now, unsupported elements leave it, and a fit with a B0' outside -1 to 20 is a failure.",
    "formation": "The error is a median now, in which a failure costs; it left the mean.",
    "forces": "Each frame's errors are the same; their median ranks now, where a few frames decided the mean.",
    "kappa": "The fast subset has wurtzites, and other solids.",
    "phonons": "The same figure of each crystal at 0.03 Å; the median ranks now, in which a failure costs; it left "
    "the mean.",
    "relaxation": "L-BFGS to 1e-3 eV/Å instead of FIRE to 0.02, at which most crystals stopped where they started; the "
    "volume from the perturbed start ranks, where the RMSD counted the few crystals that became another structure.",
}
"""Task → what changed since, for a reader of its ranks."""
WHY_ALL = "What a model does not support leaves the score now."
"""What changed in every task."""

_HEADLINES = """
import json
from evaluation import task
print(json.dumps({name: task.load(name).metrics[0].model_dump(mode="json") for name in task.names()}))
"""
"""What an older checkout says of its headlines, by its own code."""


class Figure(Strict):
    """One entry's headline figure then."""

    task: str
    subset: Subset
    entry: str
    theory: str
    """Level of theory of the entry."""
    protocol_version: int
    value: float | None
    n: int
    """Samples behind the value."""


class Earlier(Strict):
    """Headline figures of one commit, with the definitions that they have there."""

    headlines: dict[str, Metric]
    """Task → the metric that ranked it then."""
    figures: tuple[Figure, ...]
    """By task, subset and entry."""


def read() -> Earlier:
    """All that is kept."""
    return Earlier.model_validate_json(PATH.read_bytes())


def headlines(checkout: Path) -> dict[str, Metric]:
    """Task → the metric that ranks it in a checkout. Raises CalledProcessError where its code does not run."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _HEADLINES], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return {task: Metric.model_validate(told) for task, told in json.loads(done.stdout).items()}


def collect(folder: Path, known: Mapping[str, Metric]) -> Earlier:
    """The headline figures of a folder of results; `known` are the headlines then.

    Those of tasks that are no more are left out. Raises UnknownModel for an entry without a card.
    """
    found, used = [], {}
    for path in sorted(folder.glob("*/*.json")):
        if path.parent.name not in tasks.names() or path.parent.name not in known:
            continue
        result = read_result(path)
        run = result.run
        headline = known[run.task]
        if (score := result.scores.get(headline.name)) is None:
            continue
        used[run.task] = headline
        card, mode = index.resolve(run.entry)
        found.append(
            Figure(
                task=run.task,
                subset=run.subset,
                entry=run.entry,
                theory=card.theory(mode.fidelity),
                protocol_version=run.protocol_version,
                value=score.value,
                n=score.n,
            )
        )
    ordered = sorted(found, key=lambda each: (each.task, each.subset, each.entry))
    return Earlier(headlines=used, figures=tuple(ordered))


def main() -> None:
    """Read the checkout that is named, write the file."""
    checkout = Path(sys.argv[1])
    found = collect(checkout / "leaderboard" / "results", headlines(checkout))
    write_json(PATH, found.model_dump(mode="json"))
    sys.stdout.write(f"{PATH}: {len(found.figures)} figures\n")


if __name__ == "__main__":
    main()
