"""Text that a worker sent, made fit for messages, records and pages: bounded, and without characters that act."""

from __future__ import annotations

import re

from zoo.characters import CONTROL

_ESCAPE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?)?")
"""A terminal's colours, cursor movements and titles: without the first character they would be litter."""


def one_line(text: str, *, limit: int) -> str:
    """At most `limit` characters of the text on one line, without control characters."""
    return plain(text[: 4 * limit].replace("\n", " "), limit=limit)


def plain(text: str, *, limit: int, lines: int = 1) -> str:
    """The first `limit` characters and `lines` lines of the text, without control characters; says what it cut."""
    text = text[: 4 * limit + 1000]
    kept = CONTROL.sub(" ", _ESCAPE.sub("", text)).strip().split("\n")
    shown = "\n".join(line.rstrip() for line in kept[:lines])
    return shown if len(shown) <= limit and len(kept) <= lines else shown[: limit - 2] + " …"


def last_lines(text: str, *, limit: int, lines: int) -> str:
    """The last `lines` lines of the text, each of at most `limit` characters, without control characters."""
    return "\n".join(plain(line, limit=limit) for line in text[-4 * limit * lines :].rstrip().split("\n")[-lines:])
