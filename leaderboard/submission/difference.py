"""Difference: what a set of results changes on the board, as one bounded comment in Markdown."""

from __future__ import annotations

from leaderboard.formatting import NOTHING
from leaderboard.ranking.diff import Diff
from leaderboard.submission.comment import literal, table


def difference(found: Diff) -> str:
    """New entries, scores that moved, conditions that are others than before."""
    new = table(("new on the board", "subset", "entry"), (tuple(map(literal, key)) for key in found.only_new))
    moves = table(
        ("entry", "task", "metric", "before", "after", ""),
        (
            (
                literal(move.entry),
                f"{literal(move.task)}, {move.subset}",
                literal(move.metric),
                *(
                    NOTHING if score is None or score.value is None else f"{score.value:.4g}"
                    for score in (move.old, move.new)
                ),
                move.verdict,
            )
            for move in found.moves
        ),
    )
    gone = [f"- no longer there: {literal(' / '.join(key))}" for key in found.only_old[:30]]
    notes = [f"- {literal(note)}" for note in found.conditions[:30]]
    head = f"### The board: {len(found.only_new)} new, {len(found.moves)} scores moved, {found.compared} compared"
    return "\n\n".join(part for part in (head, new, moves, "\n".join([*gone, *notes])) if part) + "\n"
