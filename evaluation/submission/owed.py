"""Owed: what has to run, or run again, so that every current model has today's results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from evaluation import task as tasks
from evaluation.errors import EvaluationError
from evaluation.protocol import protocol_sha256
from evaluation.result import Result, read_result
from evaluation.subset import Subset
from zoo import adapters
from zoo.cards import index
from zoo.cards.card import Card
from zoo.cards.succession import current


@dataclass(frozen=True)
class Owed:
    """One evaluation that is missing or out of date."""

    entry: str
    task: str
    subset: Subset
    """The one that most results of the task have."""
    why: str


def owed(cards: Iterable[Card], results: Path) -> list[Owed]:
    """Sorted by entry and task. Asked of models that can be loaded from pinned bytes, and are current.

    A task that no model has run is owed by none. `results`: `<task>/<entry>.json`. Raises EvaluationError for a result
    that cannot be read.
    """
    known = {path.name: _results(path) for path in results.iterdir() if path.name in tasks.names()}
    loadable = [card for card in current(cards) if card.checkpoint.pinned and card.family in adapters.families()]
    found = [each for card in loadable for name, there in known.items() for each in _of_card(card, name, there)]
    return sorted(found, key=lambda each: (each.entry, each.task))


def _results(folder: Path) -> dict[str, Result]:
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            found[path.stem] = read_result(path)
        except (OSError, ValueError, ValidationError) as error:
            raise EvaluationError(f"{path}: cannot be read: {error}") from None
    return found


def _of_card(card: Card, name: str, there: dict[str, Result]) -> Iterator[Owed]:
    if not there:
        return
    subset: Subset = Counter(result.run.subset for result in there.values()).most_common(1)[0][0]
    mine = {entry: result for entry, result in there.items() if result.run.card == card.name}
    for entry, result in mine.items():
        if reasons := list(_stale(card, name, result)):
            yield Owed(entry, name, result.run.subset, ", ".join(reasons))
    for forces in card.forces:
        entry = index.entry_name(card, card.mode(forces=forces))
        if entry not in mine:
            yield Owed(entry, name, subset, "this mode never ran" if mine else "this model never ran")


def _stale(card: Card, name: str, result: Result) -> Iterator[str]:
    task, run = tasks.load(name), result.run
    if run.protocol_sha256 != protocol_sha256(task.protocol):
        yield f"protocol was version {run.protocol_version}"
    if run.dataset_sha256 != task.dataset_sha256:
        yield "another dataset"
    files = (card.checkpoint.upstream, card.checkpoint.safetensors and card.checkpoint.safetensors.weights)
    if run.checkpoint_sha256 not in {file.sha256 for file in files if file}:
        yield "another checkpoint"
