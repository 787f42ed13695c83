"""Feed: new results as an Atom feed. Its links are relative, because a site does not know where it is published."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from leaderboard.formatting import short
from leaderboard.site.front import News

MOST = 100
"""Newest results that it holds."""


def atom(latest: Sequence[News]) -> str:
    """The feed of `latest`, newest first; same results, same bytes."""
    shown = latest[:MOST]
    updated = shown[0].entry.result.run.finished if shown else "1970-01-01T00:00:00Z"
    entries = "".join(_entry(each) for each in shown)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
        "<title>mlip-zoo: new results</title>\n<id>urn:mlip-zoo:results</id>\n"
        f"<updated>{escape(updated)}</updated>\n<author><name>mlip-zoo</name></author>\n"
        f'<link rel="self" href="feed.xml"/>\n<link href="../index.html"/>\n{entries}</feed>\n'
    )


def _entry(news: News) -> str:
    run, task = news.entry.result.run, news.entry.task
    key = quote(f"{run.task}/{run.subset}/{run.entry}@{run.finished}", safe="")
    metric, cell = task.metrics[0], news.headline
    score = cell.score if cell else None
    told = f"{metric.label}: {short(cell.value, 3)} {metric.unit}".rstrip() if cell else "no number"
    n = f"; {score.n} samples" if score else ""
    link = quoteattr(f"../models/{quote(news.entry.card.name)}.html")
    return (
        f"<entry><title>{escape(f'{task.title}: {run.entry}')}</title><id>urn:mlip-zoo:{key}</id>"
        f"<updated>{escape(run.finished)}</updated><link href={link}/>"
        f"<summary>{escape(f'{news.entry.card.title}, {run.subset} subset; {told}{n}')}</summary></entry>\n"
    )
