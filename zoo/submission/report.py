"""Report of a submission: what was looked at, what came out, and what its author must do; at most forty lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from zoo.cards import index
from zoo.cards.card import Card
from zoo.cards.checkpoint import PinnedFile
from zoo.checks.finding import Conformance
from zoo.submission.duplicates import duplicates
from zoo.text import one_line

MOST_LINES = 40
_WIDTH = 240
"""Characters of a line."""
State = Literal["right", "wrong", "missing"]


@dataclass
class Report:
    """Lines in the order in which they were found."""

    name: str
    lines: list[tuple[State, str]] = field(default_factory=list)
    to_do: list[str] = field(default_factory=list)

    def right(self, text: str) -> None:
        """What is as it should be."""
        self.lines.append(("right", text))

    def wrong(self, text: str, *, then: str) -> None:
        """What stops the submission, and what to do about it."""
        self.lines.append(("wrong", text))
        self.to_do.append(then)

    def missing(self, text: str, *, then: str) -> None:
        """What stops the submission because nobody has looked at it."""
        self.lines.append(("missing", text))
        self.to_do.append(then)

    @property
    def accepted(self) -> bool:
        """Whether nothing is left to do."""
        return not self.to_do

    def text(self) -> str:
        """For a terminal: no line is longer than a sentence, and there are at most forty."""
        shown = [f"{state:>7}  {one_line(text, limit=_WIDTH)}" for state, text in self.lines]
        tasks = list(dict.fromkeys(one_line(each, limit=_WIDTH) for each in self.to_do))
        most = MOST_LINES // 2 - 2
        cut = shown[:most] + ([f"         and {len(shown) - most} more"] if len(shown) > most else [])
        todo = tasks[:most] + ([f"and {len(tasks) - most} more"] if len(tasks) > most else [])
        numbered = [f"  {row}. {each}" for row, each in enumerate(todo, 1)]
        return "\n".join([*cut, *(["What you must do:", *numbered] if todo else ["Nothing is left to do."])])


def look_at_card(report: Report, card: Card) -> None:
    """Sources, duplicates and what a card without running anything must have."""
    report.right(f"card: {card.title}, {card.family}, {card.theory()}")
    if not card.checkpoint.pinned:
        report.missing("checkpoint: not pinned", then=f"'mlip-zoo pin {card.name} --write' puts its hash into the card")
    without = [role for role, file in _files(card) if not file.sources]
    if without:
        then = "say under 'sources' where everybody can fetch the file: hub, wheel or url"
        report.missing(f"sources: none for {', '.join(without)}", then=then)
    elif card.checkpoint.pinned:
        report.right("sources: every file has one")
    for found in duplicates(card, index.survey().cards):
        superseded = found.startswith("its ")
        then = "choose another name and title" if superseded else "one checkpoint has one card; take this one back"
        report.wrong(f"duplicates: {found}", then=then)
    if card.authors is None and card.canary is None:
        then = f"'mlip-zoo canary {card.name} --with SCRIPT' asks the authors' own calculator"
        report.missing("canary: none", then=then)
    held = ", ".join(sorted(card.trained_datasets))
    report.right(f"held out: {f'only held-out frames of {held} are scored' if held else 'all frames are scored'}")


def add_conformance(report: Report, card: Card, found: Conformance) -> None:
    """What `mlip-zoo check` found."""
    passed, skipped = len(found.with_status("passed")), len(found.with_status("skipped"))
    declared = [verdict.name for verdict in found.with_status("declared")]
    marks = f", with known defects: {', '.join(declared)}" if declared else ""
    report.right(f"conformance: {passed} checks passed, {skipped} did not apply{marks}")
    for verdict in found.failed:
        then = f"mend '{verdict.name}', or declare it with its size; 'mlip-zoo check {card.name}' has the numbers"
        if verdict.name in {"cutoff", "parameters", "elements", "modes"}:
            then = f"correct '{verdict.name}' in the card"
        elif verdict.name in {"canary", "chemistry"}:
            then = f"'{verdict.name}': load the weights with the library's version that they were made with"
        report.wrong(f"{verdict.name}: {verdict.detail}", then=then)


def _files(card: Card) -> list[tuple[str, PinnedFile]]:
    """Those that somebody else has to fetch: a conversion is made here from the authors' file."""
    checkpoint = card.checkpoint
    found = [("upstream", checkpoint.upstream)] if checkpoint.upstream else []
    if isinstance(checkpoint.upstream_config, PinnedFile):
        found.append(("upstream_config", checkpoint.upstream_config))
    if checkpoint.safetensors and not found:
        found += [("weights", checkpoint.safetensors.weights), ("config", checkpoint.safetensors.config)]
    return found
