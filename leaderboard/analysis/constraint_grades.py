"""Constraint grades: one entry's claims of equivariance and conservative forces, and the measured violations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from evaluation import task as tasks
from evaluation.subset import SUBSETS
from evaluation.task import Row, Task
from leaderboard import views
from leaderboard.ranking.collect import Entry
from leaderboard.views.base import Check, Judgement, Judges
from zoo.cards import index
from zoo.cards.card import Card
from zoo.cards.mode import Dtype, Mode


@dataclass(frozen=True)
class ConstraintCard:
    """The claims of one entry, as one task measured them."""

    entry: str
    """`card@mode`"""
    task: Task
    reason: str | None
    """Why nothing is tested."""
    measured: str | None
    """On what, in words; None where nothing is tested."""
    judgements: tuple[Judgement, ...]
    ungraded: tuple[Check, ...]
    """Figures without a threshold; empty where nothing is tested."""
    judging: str
    """How the judgements are read."""


def constraint_cards(card: Card, mode: Mode, entries: Sequence[Entry]) -> list[ConstraintCard]:
    """One for each task whose view judges claims, by name; `entries` are those of one board or of all.

    Where an entry ran several subsets the largest counts; what was made with another protocol, dataset or checkpoint
    than today's tests nothing. A claim is about the model and not about an arithmetic: what the same mode refutes in
    the other floating-point type is refuted in both.
    """
    found = []
    for task, view in _judges():
        (other,) = (dtype for dtype in get_args(Dtype) if dtype != mode.dtype)
        others = _card(card, mode.model_copy(update={"dtype": other}), entries, task, view)
        found.append(_agreed(_card(card, mode, entries, task, view), others))
    return found


def _agreed(mine: ConstraintCard, other: ConstraintCard) -> ConstraintCard:
    """With the claims refuted that `other`, of the other floating-point type, refutes."""
    refuted = {judgement.name: judgement for judgement in other.judgements if judgement.status == "refuted"}
    return replace(
        mine,
        judgements=tuple(
            replace(each, status="refuted", false_label=refuted[each.name].false_label, decided_by=other.entry)
            if each.status == "confirmed" and each.name in refuted
            else each
            for each in mine.judgements
        ),
    )


def _judges() -> Iterator[tuple[Task, Judges]]:
    for name in tasks.names():
        view = views.view(name)
        if isinstance(view, Judges):
            yield tasks.load(name), view


def _card(card: Card, mode: Mode, entries: Sequence[Entry], task: Task, view: Judges) -> ConstraintCard:
    name = index.entry_name(card, mode)
    ran = [entry for entry in entries if entry.name == name and entry.task.name == task.name]
    fresh = [entry for entry in ran if entry.rows and not entry.stale]
    best = max(fresh, key=lambda entry: SUBSETS.index(entry.result.run.subset), default=None)
    rows: Sequence[Row] = best.rows if best else ()
    return ConstraintCard(
        entry=name,
        task=task,
        reason=None if best else _reason(name, task, ran),
        measured=_measured(best) if best else None,
        judgements=tuple(view.judgements(rows, card, mode)),
        ungraded=tuple(view.ungraded(rows)) if best else (),
        judging=view.judging,
    )


def _reason(name: str, task: Task, ran: Sequence[Entry]) -> str:
    again = f"'mlip-zoo evaluate {name} --task {task.name}' measures it"
    for entry in ran:
        if entry.stale:
            return f"its result was made with another {' and '.join(entry.stale)} than today's; {again}"
        if entry.caveat:
            return entry.caveat
    return f"no result; {again}"


def _measured(entry: Entry) -> str:
    run = entry.result.run
    return f"{run.counts.ok} of {run.counts.total} crystals ({run.subset} subset), {entry.mode.dtype}, on {run.device}"
