"""Common columns: lists that stand in the figures of several results, so that they can be stored once.

The frames' names, the reference's energies and the path through the Brillouin zone are the same for every model of a
task: 40 to 50 % of the bytes that ship of equations of state, forces and diatomics.

A document is a JSON value. In its brief form each common column is replaced by the name that its content gives it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Document = Any
"""A JSON value."""
Columns = Mapping[str, list[Any]]
"""Name → column."""

_MARK = "common column"
_LEAST = 60
"""Characters of JSON below which a column is not worth a name."""


def several(documents: Iterable[Document]) -> dict[str, list[Any]]:
    """The columns that more than one of the documents has, in the order of their names."""
    found: dict[str, list[Any]] = {}
    counts: Counter[str] = Counter()
    for document in documents:
        own: dict[str, list[Any]] = {}
        _over(document, lambda column, own=own: own.setdefault(_name(column), column))  # type: ignore[misc]
        found |= own
        counts.update(own.keys())
    return {name: found[name] for name in sorted(found) if name and counts[name] > 1}


def brief(document: Document, common: Columns) -> Document:
    """The document with the name of each common column in its place."""
    return _over(document, lambda column: {_MARK: name} if (name := _name(column)) in common else column)


def whole(document: Document, common: Columns) -> Document:
    """The document of a brief one. Raises KeyError for a column that is not among these."""
    if isinstance(document, dict):
        if document.keys() == {_MARK}:
            return common[document[_MARK]]
        return {key: whole(value, common) for key, value in document.items()}
    return [whole(each, common) for each in document] if _nested(document) else document


def _over(document: Document, replaced: Callable[[list[Any]], Document]) -> Document:
    if isinstance(document, dict):
        return {key: _over(value, replaced) for key, value in document.items()}
    if _nested(document):
        return [_over(each, replaced) for each in document]
    return replaced(document) if isinstance(document, list) else document


def _nested(document: Document) -> bool:
    return isinstance(document, list) and any(isinstance(each, (dict, list)) for each in document)


def _name(column: list[Any]) -> str:
    """What the content of a column says; empty for a short one."""
    text = json.dumps(column, separators=(",", ":"))
    return "" if len(text) < _LEAST else hashlib.sha256(text.encode()).hexdigest()[:16]
