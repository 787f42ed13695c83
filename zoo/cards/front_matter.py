"""Markdown with YAML front matter, read so strictly that what a person wrote is what arrives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import override

import yaml
from pydantic import BaseModel, ValidationError

from zoo.errors import CardError

FENCE = "---"


# A card takes 20 ms in pure Python and 1 ms in C; wheels of PyYAML have both.
_Safe: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _PlainLoader(_Safe):  # type: ignore[misc, valid-type]  # chosen at run time
    """YAML without its surprises: no dates (they stay text), no repeated keys."""

    @override
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is not text", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} twice", key_node.start_mark)
            seen.add(key)
        mapping: dict[object, object] = super().construct_mapping(node, deep=deep)
        return mapping


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def split(text: str, *, name: str) -> tuple[str, str]:
    """Part `---` front matter `---` from the prose below it. Raises CardError when there is none."""
    lines = text.splitlines()
    if not lines or lines[0].strip() != FENCE:
        raise CardError(f"{name}: the first line must be '---' (YAML front matter, closed by another '---')")
    for number, line in enumerate(lines[1:], start=1):
        if line.strip() == FENCE:
            return "\n".join(lines[1:number]), "\n".join(lines[number + 1 :]).strip() + "\n"
    raise CardError(f"{name}: the front matter is never closed; put a line '---' below it")


def parse_yaml[Model: BaseModel](text: str, model: type[Model], *, name: str, first_line: int = 1) -> Model:
    """Read YAML into a strict pydantic model; every error names the file, the field and the reason.

    The data takes the way through JSON because pydantic's strict mode then accepts exactly what YAML can express
    (a list for a tuple) and nothing that YAML guessed (`No` is a boolean, not nobelium; `1e-3` is text).
    """
    try:
        for event in yaml.parse(text, Loader=_PlainLoader):
            if isinstance(event, yaml.AliasEvent):  # a short text must not be able to grow without bound
                raise yaml.YAMLError("aliases are not allowed")
        data = yaml.load(text, Loader=_PlainLoader)  # noqa: S506  # a subclass of SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1 + first_line}" if mark else name
        raise CardError(f"{where}: not valid YAML: {getattr(error, 'problem', error)}") from None
    try:
        return model.model_validate_json(json.dumps(data), strict=True)
    except (ValidationError, TypeError) as error:
        raise CardError(explain(error, name=name)) from None


def read_yaml[Model: BaseModel](path: Path, model: type[Model]) -> Model:
    """Read a YAML file into a strict pydantic model."""
    return parse_yaml(path.read_text(encoding="utf-8"), model, name=path.name, first_line=0)


def explain(error: ValidationError | TypeError, *, name: str) -> str:
    """A validation error as lines of `file: field: reason`."""
    if isinstance(error, TypeError):
        return f"{name}: {error}"
    lines = []
    for item in error.errors(include_url=False):
        field = ".".join(str(part) for part in item["loc"]) or "front matter"
        lines.append(f"{name}: {field}: {_reason(item['type'], item['msg'], item['input'])}")
    return "\n".join(lines)


def _reason(kind: str, message: str, given: object) -> str:
    if kind == "extra_forbidden":
        return "no such field"
    if kind == "missing":
        return "missing"
    if kind == "string_type" and isinstance(given, bool | int | float):
        return f"must be text, but YAML reads it as {given!r}; put it in quotes"
    if kind == "float_type" and isinstance(given, str):
        return f"must be a number, but YAML reads {given!r} as text; write 0.001 or 1.0e-3"
    shown = repr(given)
    return f"{message.removeprefix('Value error, ')} (got {shown if len(shown) < 80 else shown[:77] + '...'})"
