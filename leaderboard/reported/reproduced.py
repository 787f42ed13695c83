"""Reproduced: a reported figure beside ours of the same checkpoint, their difference, and how the protocols differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evaluation.definitions import formation, kappa
from leaderboard.reported.figures import Reported, ReportedModel, by_card
from leaderboard.reported.quantities import QUANTITIES, Quantity

if TYPE_CHECKING:
    from leaderboard.ranking.collect import Entry
    from zoo.cards.card import Card


@dataclass(frozen=True)
class Reproduced:
    """Our figure of a quantity that others report too."""

    entry: str
    """`card@mode`"""
    value: float
    """In the reported figure's unit."""
    difference: float
    """Ours minus the reported one."""
    differs: tuple[str, ...]
    """What the two protocols are known to differ in; empty where they agree in all that both say."""


@dataclass(frozen=True)
class Line:
    """A reported figure of one model."""

    quantity: Quantity
    value: float
    ours: Reproduced | None
    """None where we did not measure the same."""


@dataclass(frozen=True)
class ReportedSection:
    """What one source reports of a card's checkpoint."""

    source: Reported
    model: ReportedModel
    lines: tuple[Line, ...]


def reported_sections(card: Card, entries: Sequence[Entry]) -> list[ReportedSection]:
    """One for each source that reports figures of that card; `entries` are ours, of any card."""
    mine = [entry for entry in entries if entry.card.name == card.name]
    return [
        ReportedSection(source, model, tuple(_lines(model, mine))) for source, model in by_card().get(card.name, ())
    ]


def _lines(model: ReportedModel, mine: Sequence[Entry]) -> Iterator[Line]:
    for quantity in QUANTITIES:
        value = model.figures.get(quantity.name)
        if value is not None:
            yield Line(quantity, value, _ours(quantity, value, model, mine))


def _ours(quantity: Quantity, reported: float, model: ReportedModel, mine: Iterable[Entry]) -> Reproduced | None:
    """Of the card's default mode, on the largest subset that was run; none where its theory is not the reference's."""
    usable = [
        entry
        for entry in mine
        if entry.task.name == quantity.task
        and not entry.stale
        and not entry.other_theory
        and entry.mode == entry.card.default_mode
        and entry.result.run.subset != "canary"
    ]
    for entry in sorted(usable, key=lambda entry: -entry.result.run.counts.total):
        score = entry.result.scores.get(quantity.metric or "")
        if score is not None and score.value is not None:
            value = score.value * quantity.factor
            differs = tuple(_differences(quantity, model, score.n))
            return Reproduced(entry.name, value, value - reported, differs)
    return None


def _differences(quantity: Quantity, model: ReportedModel, n: int) -> Iterator[str]:
    if quantity.samples is not None and n != quantity.samples:
        yield f"{n:,} of {quantity.samples:,} samples".replace(",", "\N{NO-BREAK SPACE}")
    settings = model.settings
    if quantity.task == "formation":
        ours = formation.protocol()
        yield "start: WBM's initial structures (ours the DFT geometry)"
        yield from _of("fmax, eV/Å", ours.fmax, settings.fmax)
        yield from _of("largest number of steps", ours.steps, settings.steps)
        yield from _of("optimizer", ours.optimizer.upper(), settings.optimizer)
    if quantity.task == "kappa":
        yield from _of("displacement, Å", kappa.protocol().displacement, settings.displacement)
    if quantity.task == "diatomics":
        yield "distances and elements are not reported"


def _of(what: str, ours: float | str, reported: float | str | None) -> Iterator[str]:
    if reported is None:
        yield f"{what}: not reported (ours {ours})"
    elif reported != ours:
        yield f"{what}: {reported} (ours {ours})"
