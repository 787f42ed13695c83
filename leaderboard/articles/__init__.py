"""Articles: pages on what the results say together. A file here is a page; it offers `article(evidence) -> Article`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

from leaderboard.articles.article import Article
from leaderboard.articles.evidence import Evidence

Make = Callable[[Evidence], Article]


def found() -> list[Make]:
    """Makers of all articles, by file name."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*_page.py"))
    return [importlib.import_module(f"{__name__}.{name}").article for name in names]
