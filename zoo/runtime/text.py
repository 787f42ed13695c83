"""Text that a worker sent, made fit for messages, records and pages: bounded, and without characters that act."""

from __future__ import annotations

import re

# C0 and C1 controls (terminals obey them), marks that turn the direction of what follows, invisible characters, line
# and paragraph separators, and halves of surrogate pairs, which no file can be written with
_CONTROL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e0fff]"
)
_ESCAPE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?)?")
"""A terminal's colours, cursor movements and titles: without the first character they would be litter."""


def one_line(text: str, *, limit: int) -> str:
    """At most `limit` characters of the text on one line, without control characters."""
    return plain(text[: 4 * limit].replace("\n", " "), limit=limit)


def plain(text: str, *, limit: int, lines: int = 1) -> str:
    """The first `limit` characters and `lines` lines of the text, without control characters; says what it cut."""
    text = text[: 4 * limit + 1000]
    kept = _CONTROL.sub(" ", _ESCAPE.sub("", text)).strip().split("\n")
    shown = "\n".join(line.rstrip() for line in kept[:lines])
    return shown if len(shown) <= limit and len(kept) <= lines else shown[: limit - 2] + " …"


def last_lines(text: str, *, limit: int, lines: int) -> str:
    """The last `lines` lines of the text, each of at most `limit` characters, without control characters."""
    return "\n".join(plain(line, limit=limit) for line in text[-4 * limit * lines :].rstrip().split("\n")[-lines:])
