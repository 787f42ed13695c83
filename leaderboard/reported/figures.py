"""Reported figures: one file for each source, `leaderboard/reported/<source>.json`, written by an import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from pydantic import Field

from zoo.cards.fields import Sha256
from zoo.strict import Finite

FOLDER = Path(__file__).parent


class Settings(Finite):
    """What the source says of how the figures were made; None where it says nothing."""

    optimizer: str | None = None
    fmax: float | None = None
    """eV/Å, of the relaxations of WBM."""
    steps: int | None = None
    """Largest number of steps, likewise."""
    displacement: float | None = None
    """Å, of the force constants behind the thermal conductivity."""


class ReportedModel(Finite):
    """One model of a source, in the source's words."""

    key: str
    """The source's name of it."""
    title: str
    card: str | None = None
    """The card of the same checkpoint; None where the zoo has none."""
    added: str
    """Day on which the source took it in, ISO 8601."""
    settings: Settings
    figures: dict[str, float] = Field(default_factory=dict)
    """By the names of `leaderboard.reported.quantities`."""


class Reported(Finite):
    """A source and all that it reports."""

    source: str
    address: str
    """A page that a person can read."""
    revision: str
    """Commit of the source."""
    day: str
    """Of that commit, ISO 8601."""
    licence: str
    sha256: Sha256
    """Of the file that was imported."""
    models: tuple[ReportedModel, ...]


def read_reported(path: Path) -> Reported:
    """Read one source. Raises OSError, or pydantic's ValidationError with field and reason."""
    return Reported.model_validate_json(path.read_text(encoding="utf-8"), strict=True)


@cache
def sources() -> Sequence[Reported]:
    """All sources that ship with this package, by name."""
    return tuple(read_reported(path) for path in sorted(FOLDER.glob("*.json")))


@cache
def by_card() -> Mapping[str, Sequence[tuple[Reported, ReportedModel]]]:
    """Card → what each source reports of its checkpoint."""
    found: dict[str, list[tuple[Reported, ReportedModel]]] = {}
    for source in sources():
        for model in source.models:
            if model.card:
                found.setdefault(model.card, []).append((source, model))
    return found
