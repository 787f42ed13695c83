"""Entries with figures that a test chooses, of any task: no records, no files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from evaluation import task as tasks
from evaluation.metric import Score
from evaluation.record import Record
from evaluation.subset import Subset
from leaderboard.ranking.collect import Entry
from tests import toy
from tests.leaderboard.specimens import MODELS, result
from zoo.cards.mode import Mode

_RANKED = {
    "sample": "x",
    "crystal": "x",
    "start": "perturbed",
    "set": "mptrj-random",
    "omega_max_ref": 1.0,
    "comparable": True,
}
"""What a headline asks of a row that it counts (`Task.ranked`)."""


def entry(
    task: str,
    card: str,
    scores: Mapping[str, float | None] | None = None,
    *,
    rows: Sequence[Mapping[str, object]] = (),
    mode: Mode | None = None,
    subset: Subset = "fast",
    stale: tuple[str, ...] = (),
    threads: int = 1,
) -> Entry:
    """An entry of the toy's card under another name; scores that are not given have no number."""
    found, what = tasks.load(task), mode or Mode()
    made = result(card, MODELS["sevennet-0"], [Record(sample="Si", status="failed")], subset, mode=str(what))
    given = scores or {}
    values = {metric.name: given.get(metric.name) for metric in found.metrics}
    return Entry(
        result=made.model_copy(
            update={
                "run": made.run.model_copy(update={"task": task, "threads": threads}),
                "scores": {
                    name: Score(value=value, n=int(value is not None), n_missing=int(value is None))
                    for name, value in values.items()
                },
            }
        ),
        card=toy.card(card),
        mode=what,
        task=found,
        path=Path(f"{task}/{card}@{what}.json"),
        records=(),
        rows=tuple({**_RANKED, **values, **row} for row in rows) or ({**_RANKED, **values},),
        stale=stale,
    )
