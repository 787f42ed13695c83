"""What a view is made of: columns of its table, panels with pictures, and judgements of a card's claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from evaluation.record import Record
from leaderboard.charts.spec import Datasets, Spec
from leaderboard.views.grades import grade

if TYPE_CHECKING:
    from zoo.cards.card import Card
    from zoo.cards.mode import Mode


@dataclass(frozen=True)
class Column:
    """A column of the table of samples: where its figures are in `Task.table`, and what they are called."""

    name: str
    label: str
    unit: str
    digits: int


@dataclass(frozen=True)
class Panel:
    """One small picture: of a sample, or of all samples together."""

    title: str
    mark: str | None
    """A tag beside the title, as *magnetic* or *limit cycle*."""
    note: str
    """The sample's main figure."""
    reason: str | None
    """Why there is no picture."""
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
    """The largest value that rounding of the entry's arithmetic explains, which decides the claim; None where the
    protocol has none."""
    scale: float | None = None
    """The same of single precision, whatever the entry's arithmetic is: a violation has one grade, in both. None where
    the protocol has none, and then there is no grade."""

    @property
    def grade(self) -> str | None:
        """`A` to `F`, or `untested`; None without a scale (`leaderboard.views.grades`)."""
        return None if self.scale is None else grade(self.value, self.scale)

    @property
    def normalised(self) -> float | None:
        """The violation over its scale: at most 1 is what single precision explains. None without either."""
        return None if self.value is None or not self.scale else abs(self.value) / self.scale


@dataclass(frozen=True)
class Judgement:
    """A claim of the card with the figures that confirm or refute it: the head of a small table."""

    name: str
    """Key of the claim: *conservative*."""
    claim: str
    """Heading of the claim: *Rotational equivariance*."""
    claimed: bool | None
    """Whether the card claims it; None where the card does not mention it."""
    status: str
    """confirmed, refuted or untested."""
    false_label: bool
    """Whether the card claims it and the figures refute it."""
    checks: tuple[Check, ...]
    """The figures that decide it."""
    decided_by: str | None = None
    """The entry of the other floating-point type that refutes it; None where its own figures decide."""

    @property
    def worst(self) -> Check | None:
        """The check with the largest normalised violation; None where nothing was measured."""
        measured = [check for check in self.checks if check.normalised is not None]
        return max(measured, key=lambda check: check.normalised or 0.0, default=None)

    @property
    def verdict(self) -> str:
        """The status in words: what a card never claimed is not refuted."""
        if self.status == "untested" or self.claimed:
            return self.status
        return "holds, not claimed" if self.status == "confirmed" else "not claimed"

    @property
    def said(self) -> str:
        """What the card says about it, in words."""
        if self.claimed is None:
            return "the card does not mention it"
        return "claimed by the card" if self.claimed else "not claimed by the card"


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


def by_element(
    records: Sequence[Record],
    rows: Sequence[Mapping[str, object]],
    panel: Callable[[Record, Mapping[str, object]], Panel],
) -> list[Panel]:
    """One panel for each row of a task whose samples are elements, by atomic number."""
    from ase.data import atomic_numbers

    by_sample = {record.sample: record for record in records}
    ordered = sorted(rows, key=lambda row: atomic_numbers[str(row["sample"])])
    return [panel(by_sample[str(row["sample"])], row) for row in ordered]
