"""What a view is made of: columns of its table, panels with pictures, and judgements of a card's claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from evaluation.record import Record
from leaderboard.views.grades import grade

if TYPE_CHECKING:
    from zoo.cards.card import Card
    from zoo.cards.mode import Mode

Spec = dict[str, object]
"""A Vega-Lite specification."""
Datasets = Mapping[str, Sequence[Mapping[str, float | str]]]
"""Data set's name in the specification → its rows."""


@dataclass(frozen=True)
class Column:
    """A column of the table of samples: where its figures are in `Task.table`, and what they are called."""

    name: str
    label: str
    unit: str
    digits: int


@dataclass(frozen=True)
class Panel:
    """One small picture: a sample, or what many have in common."""

    title: str
    mark: str | None
    """What a reader must know about this sample, in a word."""
    note: str
    """The sample's figure, short."""
    reason: str | None
    """Why it has none."""
    alt: str
    datasets: Datasets | None
    """None where there is nothing to draw."""
    spec: Spec | None = None
    """Its own picture, where that is not the view's."""


@dataclass(frozen=True)
class Check:
    """One figure of a constraint, at the crystal where it is worst."""

    label: str
    value: float | None
    """None where nothing was measured."""
    unit: str
    sample: str | None
    """The crystal that gave it."""
    threshold: float | None = None
    """The most that rounding makes of it; None where the protocol has none, and then there is no grade."""

    @property
    def grade(self) -> str | None:
        """`A` to `F`, or `untested`; None without a threshold (`leaderboard.views.grades`)."""
        return None if self.threshold is None else grade(self.value, self.threshold)


@dataclass(frozen=True)
class Judgement:
    """A claim of the card with what was measured of it: the head of a small table."""

    name: str
    """In a word: *conservative*."""
    claim: str
    """In words: *forces are the gradient of the energy*."""
    claimed: bool | None
    """Whether the card says so; None where it says nothing."""
    status: str
    """confirmed, refuted or untested."""
    false_label: bool
    """Whether the card says what the numbers refute."""
    checks: tuple[Check, ...]
    """The figures that decide it."""

    @property
    def said(self) -> str:
        """What the card says of it, in words."""
        if self.claimed is None:
            return "the card says nothing of it"
        return "the card says so" if self.claimed else "the card does not say so"


class View(Protocol):
    """What a file in `leaderboard/views` offers under the name VIEW."""

    columns: tuple[Column, ...]
    caption: str
    """How the panels are read."""

    def spec(self) -> Spec:
        """The picture that panels share; each brings its own datasets."""

    def panels(self, records: Sequence[Record], rows: Sequence[Mapping[str, object]]) -> list[Panel]:
        """One panel per sample, in an order that a reader expects."""


@runtime_checkable
class Judges(View, Protocol):
    """A view that also says whether the card's claims hold."""

    judging: str
    """How the judgements are read."""

    def judgements(self, rows: Sequence[Mapping[str, object]], card: Card, mode: Mode) -> list[Judgement]:
        """One for each claim; all of them untested where there are no rows."""

    def ungraded(self, rows: Sequence[Mapping[str, object]]) -> list[Check]:
        """Figures that no threshold judges, each at its worst sample."""
