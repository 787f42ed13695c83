"""Constraints: claims of model cards on equivariance and conservative forces, and what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evaluation.subset import SUBSETS
from leaderboard import views
from leaderboard.analysis.violation_error import VIOLATIONS
from leaderboard.articles.article import Part
from leaderboard.articles.evidence import Evidence
from leaderboard.charts.entry_plots import CAPTION, by_entry
from leaderboard.formatting import short
from leaderboard.ranking.board import widest
from leaderboard.views.base import Judges

if TYPE_CHECKING:
    from leaderboard.ranking.collect import Entry
    from leaderboard.views.base import Judgement

Judged = Sequence[tuple["Entry", "Judgement"]]


def constraint_findings(evidence: Evidence) -> list[Part]:
    """Confirmed and refuted claims of all entries that were measured, with the size of their violations."""
    board = widest(evidence.of(VIOLATIONS))
    view = views.view(VIOLATIONS)
    if board is None or not isinstance(view, Judges):
        return []
    # each at all crystals where it was measured, as on its own page: more of them refute more
    sized = sorted(evidence.of(VIOLATIONS), key=lambda entry: SUBSETS.index(entry.result.run.subset))
    largest = {entry.name: entry for entry in sized if entry.rows and entry.theory == board.theory}
    entries = [largest[name] for name in sorted(largest)]
    of: dict[str, list[tuple[Entry, Judgement]]] = {}
    for entry in entries:
        for judgement in view.judgements(entry.rows, entry.card, entry.mode):
            of.setdefault(judgement.name, []).append((entry, judgement))
    if not of:
        return []
    checkpoints = len({entry.card.name for entry in entries})
    said = [
        f"{len(entries)} entries of {checkpoints} checkpoints of {board.theory} were measured, each at "
        f"{_crystals(entries)}.",
        *_told(of["conservative"], "conservative forces (the gradient of the energy)"),
        *_sizes(entries),
        *_told(of["rotation"], "exact rotational equivariance"),
        *_learned(entries, "rotation"),
        *_told(of["inversion"], "exact inversion equivariance"),
        *_learned(entries, "inversion"),
    ]
    lambdas, rotations = _values(entries, "lambda"), _values(entries, "rotation_force")
    pictures = [
        by_entry(f"constraints/{name}", values, title, axis=title)
        for name, values, title in (
            ("lambda", lambdas, "force-constant asymmetry λ"),
            ("rotation", rotations, "rotation error of the forces, median (meV/Å)"),
        )
        if values
    ]
    return [
        Part(
            "Rotational equivariance, inversion equivariance and conservative forces: claimed and measured",
            said,
            pictures,
            CAPTION,
            wide=True,
        )
    ]


def _crystals(entries: Sequence[Entry]) -> str:
    numbers = sorted({len(entry.rows) for entry in entries})
    return f"{' or '.join(map(str, numbers))} crystal{'' if numbers == [1] else 's'}"


def _told(judged: Judged, what: str) -> list[str]:
    claiming = [(entry, judgement) for entry, judgement in judged if judgement.claimed]
    tested = [(entry, judgement) for entry, judgement in claiming if judgement.status != "untested"]
    if not tested:
        return []
    refuted = [_named(entry, judgement) for entry, judgement in tested if judgement.status == "refuted"]
    right = len(tested) - len(refuted)
    told = f"{len(tested)} claim {what}: {right} {'is' if right == 1 else 'are'} confirmed"
    return [f"{told}, refuted {'is' if len(refuted) == 1 else 'are'} {', '.join(refuted)}." if refuted else f"{told}."]


def _named(entry: Entry, judgement: Judgement) -> str:
    """With what its card says that may explain it: the task does not separate energy jumps from wrong gradients."""
    jumps = judgement.name == "conservative" and entry.card.cutoff_crossing == "jumps"
    return f"{entry.name} (by its card the energy jumps at the cutoff)" if jumps else entry.name


def _sizes(entries: Sequence[Entry]) -> list[str]:
    parts = []
    for dtype, words in (("float64", "in double precision"), ("float32", "in single precision")):
        mine = [entry for entry in entries if (entry.mode.forces, entry.mode.dtype) == ("conservative", dtype)]
        if values := [value for _, value in _values(mine, "lambda")]:
            parts.append(f"at most {short(max(values))} {words}")
    direct = [value for _, value in _values([e for e in entries if e.mode.forces == "direct"], "lambda")]
    if not parts:
        return []
    told = f"Force-constant asymmetry λ of conservative forces is {' and '.join(parts)} (means over crystals)"
    return [f"{told}; of direct heads it is {short(min(direct))} or more." if direct else f"{told}."]


def _learned(entries: Sequence[Entry], claim: str) -> list[str]:
    """Errors of the forces under an operation that was learned from data; once for each head of a checkpoint."""
    plain = [entry for entry in entries if (entry.mode.averaging, entry.mode.dtype) == ("none", "float32")]
    learned = [entry for entry in plain if getattr(entry.card, claim) == "learned"]
    values = sorted(_values(learned, f"{claim}_force"), key=lambda each: each[1])
    if not values:
        return []
    told = f"{short(values[0][1])} meV/Å with {values[0][0].name}"
    if len(values) > 1:
        told = f"from {told} to {short(values[-1][1])} meV/Å with {values[-1][0].name}, over {len(values)} entries"
    average = next(m.average for m in learned[0].task.metrics if m.name == f"{claim}_force")
    return [f"Where {claim} was learned from data, the error of the forces ({average} over crystals) is {told}."]


def _values(entries: Sequence[Entry], metric: str) -> list[tuple[Entry, float]]:
    found = [(entry, entry.result.scores[metric].value) for entry in entries]
    return [(entry, value) for entry, value in found if value is not None]
