"""Training figures: what was measured of each head of the training series, at samples that they have in common."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evaluation.subset import SUBSETS
from leaderboard.analysis import training_series as series
from leaderboard.analysis.training_series import (
    ERROR,
    FORCE,
    FORCE_ERROR,
    QUANTITIES,
    SHARE,
    Axis,
    Exponent,
    Member,
    Quantity,
)
from leaderboard.articles.evidence import Evidence
from leaderboard.ranking.collect import Entry

NETWORKS = {"pet": "PET", "sevennet": "SevenNet"}


@dataclass(frozen=True)
class Head:
    """A member's forces of one kind: a line in the pictures."""

    network: str
    forces: str

    def __str__(self) -> str:
        return f"{NETWORKS[self.network]}, {self.forces}"


@dataclass(frozen=True)
class Measured:
    """All figures of the series."""

    members: Sequence[Member]
    values: Mapping[tuple[str, str, str], Mapping[str, float]]
    """(card, forces, quantity) → sample → figure."""
    heads: Sequence[Head]

    def line(self, head: Head, axis: Axis, quantity: Quantity) -> list[tuple[Member, Mapping[str, float]]]:
        """Members along an axis with their figures; those without any are left out."""
        found = (
            (member, self.values.get((member.card, head.forces, quantity.key), {}))
            for member in series.along(self.members, axis, head.network)
        )
        return [(member, values) for member, values in found if values]

    def exponent(self, head: Head, axis: Axis, quantity: Quantity) -> Exponent | None:
        """Of the quantity along an axis."""
        points = self.line(head, axis, quantity)
        x = [member.at(axis) for member, _ in points]
        return series.exponent(x, [values for _, values in points])

    def chance(self, head: Head, axis: Axis, quantity: Quantity) -> float | None:
        """The exponent that another seed's factor would look like over the whole axis; None without another seed."""
        x = [member.at(axis) for member, _ in self.line(head, axis, quantity)]
        pairs = [pair for pair in series.beside(self.members, "seed") if pair[0].network == head.network]
        factors = [
            changed.value
            for pair in pairs
            if (changed := series.factor(*(self.values.get((m.card, head.forces, quantity.key), {}) for m in pair)))
        ]
        if not factors or len(set(x)) < 2:
            return None
        return max(abs(math.log(factor)) for factor in factors) / math.log(max(x) / min(x))

    def mean(self, member: Member, head: Head, quantity: Quantity) -> float | None:
        """The figure's mean over samples."""
        values = self.values.get((member.card, head.forces, quantity.key), {})
        return sum(values.values()) / len(values) if values else None

    def over_no_forces(self, member: Member, head: Head) -> float | None:
        """Its root mean square force error over that of a model that predicts no forces."""
        error, force = (self.mean(member, head, quantity) for quantity in (FORCE_ERROR, FORCE))
        return error / 1000 / force if error and force else None


def measured(evidence: Evidence) -> Measured:
    """The figures of all published results of the series."""
    cards = {entry.card.name: entry.card for entry in evidence.entries}
    found = series.members({name: card.parameters for name, card in cards.items()})
    names = {member.card for member in found}
    figured: dict[tuple[str, str, str], Mapping[str, float]] = {}
    for entry in _largest(evidence):
        if entry.card.name in names and _plain(entry):
            for quantity in (*QUANTITIES, FORCE_ERROR, FORCE):
                if quantity.task == entry.task.name and (figures := series.figures(entry, quantity.column)):
                    figured[entry.card.name, entry.mode.forces, quantity.key] = figures
    for errors in evidence.rotational_errors:
        card, _, mode = errors.entry.partition("@")
        if card in names and mode in ("conservative", "direct"):
            for quantity in (ERROR, SHARE):
                figured[card, mode, quantity.key] = series.frame_figures(errors, quantity.column)
    networks = {member.card: member.network for member in found}
    values = _shared(figured, networks)
    heads = sorted({(networks[card], forces) for card, forces, _ in values})
    return Measured(found, values, [Head(*head) for head in heads])


def _shared(
    values: Mapping[tuple[str, str, str], Mapping[str, float]], networks: Mapping[str, str]
) -> dict[tuple[str, str, str], dict[str, float]]:
    """Each quantity at the samples where all members that have it have a number: some ran more than others.

    Of the rotational share, all members of one network: an exactly equivariant one has none at frames where its error
    is rounding alone, and to the rest such frames are not like others.
    """
    common: dict[tuple[str, str], set[str]] = {}
    for (card, _, key), figures in values.items():
        group = _group(networks[card], key)
        common[group] = common.get(group, set(figures)) & figures.keys()
    found = {}
    for (card, forces, key), figures in values.items():
        if samples := common[_group(networks[card], key)]:
            found[card, forces, key] = {sample: figure for sample, figure in figures.items() if sample in samples}
    return found


def _group(network: str, quantity: str) -> tuple[str, str]:
    """Members with the same one are compared at the same samples."""
    return network if quantity == SHARE.key else "", quantity


def _largest(evidence: Evidence) -> Iterator[Entry]:
    """Fresh entries, those of a larger subset after those of a smaller one."""
    fresh = (entry for entry in evidence.entries if not entry.stale)
    yield from sorted(fresh, key=lambda entry: SUBSETS.index(entry.result.run.subset))


def _plain(entry: Entry) -> bool:
    """Whether the mode is nothing but a choice of forces."""
    return entry.name == f"{entry.card.name}@{entry.mode.forces}"
