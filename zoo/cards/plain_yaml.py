"""Plain YAML: mappings, lists, text and numbers that mean one thing only, within bounds that hold while it is read.

Left out of YAML 1.1: anchors, aliases and tags; keys that are not text, or stand twice; dates (they stay text); and
every plain word that it reads as a number or a boolean which nobody would: `0412525` (octal), `1:30:00` (base 60),
`412_525`, `0x1F`, `.inf`, `no`, `on`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from zoo.characters import first_control
from zoo.errors import CardError

type Value = str | int | float | bool | list[Value] | dict[str, Value] | None

LONGEST = 100_000
"""Characters of a whole text; the longest of ours has 6,000."""
DEEPEST = 12
"""Levels of mappings and lists in each other; the deepest of ours has 6."""
MOST = 10_000
"""Scalars, mappings and lists of a text; the largest of ours has 700."""
LONGEST_SCALAR = 4_000
"""Characters of one text or number."""

# A card takes 20 ms in pure Python and 1 ms in C; wheels of PyYAML have both.
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?")
_WORDS: dict[str, bool | None] = {"": None, "~": None}
_WORDS |= dict.fromkeys(("null", "Null", "NULL"))
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)

_NUMBER = "can be read as a number (octal, base 60, with '_', infinite or too long): write a plain number as digits"
_ADVICE = {"int": _NUMBER, "float": _NUMBER, "bool": "can be read as a boolean: write that as true or false"}


def read(text: str, *, name: str, first_line: int = 0) -> Value:
    """The data of one YAML document. Raises CardError: file and line or field, and the reason.

    `first_line` counts the lines of the file above the text.
    """
    if len(text) > LONGEST:
        raise CardError(f"{name}: {len(text):,} characters of YAML; at most {LONGEST:,} are read")
    try:
        return _Reader(text, name).document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1 + first_line}" if mark else name
        raise CardError(f"{where}: not valid YAML: {getattr(error, 'problem', None) or error}") from None


class _Reader:
    """Builds data from the parser's events, so that no bound is passed before it is noticed."""

    def __init__(self, text: str, name: str) -> None:
        self._events: Iterator[yaml.Event] = iter(yaml.parse(text, Loader=_Loader))
        self._name = name
        self._left = MOST

    def document(self) -> Value:
        next(self._events)  # the stream's start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        value = self._value(next(self._events), ())
        next(self._events)  # the document's end
        if not isinstance(next(self._events), yaml.StreamEndEvent):
            raise CardError(f"{self._name}: more than one YAML document")
        return value

    def _value(self, event: yaml.Event, path: tuple[str, ...]) -> Value:
        self._left -= 1
        if self._left < 0:
            raise self._fault(path[:1], f"more than {MOST:,} values")
        if len(path) > DEEPEST:
            raise self._fault(path[:1], f"more than {DEEPEST} levels of lists and mappings in each other")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise self._fault(path, "anchors and aliases are not allowed; write the value out")
        if (tag := getattr(event, "tag", None)) is not None:
            raise self._fault(path, f"the tag {tag!r} is not allowed")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._mapping(path)

    def _sequence(self, path: tuple[str, ...]) -> list[Value]:
        found: list[Value] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self._value(event, (*path, str(len(found)))))
        return found

    def _mapping(self, path: tuple[str, ...]) -> dict[str, Value]:
        found: dict[str, Value] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._value(event, (*path, "a key")) if isinstance(event, yaml.ScalarEvent) else None
            if not isinstance(key, str):
                raise self._fault(path, f"key {getattr(event, 'value', 'of several values')!r} is not text")
            if key in found:
                raise self._fault(path, f"key {key!r} twice")
            found[key] = self._value(next(self._events), (*path, key))
        return found

    def _scalar(self, event: yaml.ScalarEvent, path: tuple[str, ...]) -> Value:
        text: str = event.value
        if len(text) > LONGEST_SCALAR:
            raise self._fault(path, f"{len(text):,} characters; at most {LONGEST_SCALAR:,} are read")
        if character := first_control(text):
            raise self._fault(path, f"holds {character}; take it out")
        if not event.implicit[0]:  # in quotes, or a block
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text) and abs(number := float(text)) != float("inf"):
            return number
        if advice := _ADVICE.get(_yaml_1_1(text)):
            raise self._fault(path, f"{_short(text)} {advice}, and text in quotes")
        return text

    def _fault(self, path: tuple[str, ...], reason: str) -> CardError:
        return CardError(f"{self._name}: {_short('.'.join(path)) + ': ' if path else ''}{reason}")


def _yaml_1_1(text: str) -> str:
    """What YAML 1.1 takes a plain word for: `int`, `float`, `bool`, `null`, `timestamp` or `str`."""
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.get(text[:1], [])
    return next((tag.rpartition(":")[2] for tag, pattern in resolvers if pattern.match(text)), "str")


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."
