"""The texts that a card's fields hold, each with its form and its largest length."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from zoo.cards.elements import SYMBOLS, expand
from zoo.characters import first_foreign

NAME = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")
LONGEST_NAME = 60
"""Characters of a card's or a training set's name."""
LONGEST_PROSE = 50_000
"""Characters of the Markdown below the front matter."""
_LONGEST_ELEMENTS = 1_000
"""Characters of elements written as ranges; all of them, one by one, take 470."""

_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost)[:/]")
# https://good.org@bad.org/ shows one host and leads to another
_USER_IN_LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s\\]*@")


def _titled(text: str) -> str:
    if character := first_foreign(text):
        raise ValueError(f"holds {character}, which can pass for another character; write it with Latin letters")
    return text


def _plain_link(text: object) -> object:
    if isinstance(text, str) and has_user(text):
        raise ValueError("a link must not have 'user@' before its host")
    if isinstance(text, str) and not text.startswith("https://") and not _LOOPBACK.match(text):
        raise ValueError("a link begins with https://")
    return text


def _relative(path: str) -> str:
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or any(part in ("", ".", "..") for part in parts):
        raise ValueError("must be a plain relative path, without '..'")
    if found := re.search(r"""[^ -~]|["<>&`|]""", path):
        raise ValueError(f"must be a plain relative path, without {found[0]!r}")
    return path


def _expanded(elements: object) -> object:
    if isinstance(elements, str):
        if len(elements) > _LONGEST_ELEMENTS:
            raise ValueError(f"{len(elements):,} characters; at most {_LONGEST_ELEMENTS:,} are read")
        return expand(elements)
    if isinstance(elements, list) and len(elements) > len(SYMBOLS):
        raise ValueError(f"{len(elements):,} elements; there are {len(SYMBOLS)}")
    return tuple(elements) if isinstance(elements, list) else elements


def has_user(text: str) -> bool:
    """Whether a link in the text has a user (`https://user@host/`)."""
    return _USER_IN_LINK.search(text) is not None


# Lengths stand beside the patterns: a bounded repetition takes long to compile, and `mlip-zoo list` should start soon.
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(pattern=f"^{NAME.pattern}$", max_length=LONGEST_NAME)]
Fidelity = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=31)]
RepositoryId = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=193)
]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f<>]*$")]
Title = Annotated[Line, StringConstraints(max_length=100), AfterValidator(_titled)]
"""A line that no other can be mistaken for by its letters."""
Date = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")]
FilePath = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_relative)]
"""Of a file in a repository or package: relative, without `..`."""
Distribution = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*==[0-9][0-9A-Za-z.+!-]*$", max_length=150)
]
"""`distribution==version`, exact."""

Element = Annotated[str, StringConstraints(pattern=r"^[A-Z][a-z]?$")]
Elements = Annotated[tuple[Element, ...], Field(max_length=len(SYMBOLS)), BeforeValidator(_expanded)]
"""Chemical symbols; written as ranges (`H-Bi, Ac-Pu`) or as a list."""

# A link is printable ASCII without quotes, angle brackets and backslashes. Which host it leads to is its author's
# business, the scheme is ours: a page shows these links.
_REST = r"([/?#][!#-&(-;=?-\[\]-~]*)?$"
WebAddress = Annotated[
    str,
    StringConstraints(pattern=rf"^https://[A-Za-z0-9.-]+(:[0-9]+)?{_REST}", max_length=300),
    BeforeValidator(_plain_link),
]
# Loopback is for tests and for people who serve their own files.
FileAddress = Annotated[
    str,
    StringConstraints(
        pattern=rf"^(https://[A-Za-z0-9.-]+(:[0-9]+)?|http://(127\.0\.0\.1|localhost)(:[0-9]+)?){_REST}",
        max_length=500,
    ),
    BeforeValidator(_plain_link),
]
