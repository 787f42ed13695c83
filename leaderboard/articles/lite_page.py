"""Lite subsets: how well a part of a task's samples ranks entries, and whether a searched part does it better."""

from __future__ import annotations

import math

from leaderboard.analysis import lite_subsets
from leaderboard.analysis.lite_subsets import Agreement, Lite
from leaderboard.articles.article import Article, Part, Table
from leaderboard.articles.evidence import Evidence
from leaderboard.formatting import NOTHING, interval
from zoo.files import json_text

_COLUMNS = (
    *("list", "samples", "price", "τ", "95 % of τ"),
    *("largest rank change", "unseen pairs in order", "unseen error"),
)


def article(_: Evidence) -> Article:
    """The page, from the figures that ship."""
    found = lite_subsets.read()
    return Article(
        name="lite-subsets",
        title="How well does a fast subset rank?",
        lede="Each task's fast subset is a sample of its full one. How far is the order of "
        "entries on it the order on all samples, and is a list that was searched for at the same price better?",
        parts=[_part(each) for each in found],
        notes=(
            "τ is Kendall's over the entries' headline figures, with a bootstrap interval over checkpoints. The price "
            "is the share of the time in the model that all samples take, by the median over entries.",
            "A search sees the entries that it is judged by, and finds an order that chance alone would allow. Unseen "
            "pairs are those with a checkpoint that was left out of the search; the search was made anew without each. "
            "The fast subset needs no search, so its figure is that of the same pairs. The unseen error is the root "
            "mean square of ln(headline on the list / on all samples).",
            "Entries of the reference's level of theory count where they have a number for at least 80 % of a task's "
            "samples, and are compared on those that all of them have. None was changed: another list would make all "
            "published results on it stale.",
        ),
        downloads={"lite-subsets.json": json_text([each.model_dump(mode="json") for each in found])},
    )


def _part(found: Lite) -> Part:
    rows = [_row("fast", None, found.fast)]
    if found.lite:
        rows.append(_row("searched", len(found.names), found.lite))
    return Part(
        title=found.task,
        sentences=[*_sentences(found)],
        table=Table(f"Agreement with all samples of {found.task}", _COLUMNS, rows),
    )


def _row(name: str, samples: int | None, found: Agreement) -> tuple[str, ...]:
    def share(value: float | None) -> str:
        return NOTHING if value is None else f"{value:.0%}"

    return (
        name,
        NOTHING if samples is None else str(samples),
        share(found.price),
        NOTHING if found.kendall is None else f"{found.kendall:.2f}",
        interval(found.low, found.high, 2) or NOTHING,
        str(found.largest_rank_change),
        share(found.unseen_concordant),
        NOTHING if found.unseen_error is None else f"{found.unseen_error:.0%}",
    )


def _sentences(found: Lite) -> list[str]:
    entries = f"{len(found.entries)} entries, {found.samples:,} samples that all of them have."
    if found.reason:
        return [entries, f"No list was searched for: {found.reason}."]
    assert found.lite is not None
    verdict = (
        "It keeps its promise on entries that its search did not see, and may replace the fast subset at the next "
        "version of the protocol."
        if found.better and _clearly(found)
        else "On entries that its search did not see it is no better than the fast subset beyond a few pairs: the gain "
        "is the search's own, and the fast subset stays."
    )
    return [entries, verdict, f"The searched list: {', '.join(found.names)}."]


def _clearly(found: Lite) -> bool:
    """Whether the gain on unseen pairs is more than twice the standard error of a share of as many pairs."""
    assert found.lite is not None
    share, pairs = found.fast.unseen_concordant, found.fast.unseen_pairs
    if share is None or not pairs:
        return False
    gain = (found.lite.unseen_concordant or 0.0) - share
    return gain > 2 * math.sqrt(share * (1 - share) / pairs)
