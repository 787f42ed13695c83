"""Markdown with YAML front matter, read so strictly that what a person wrote is what arrives."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from zoo import files
from zoo.cards import plain_yaml
from zoo.characters import CONTROL, named
from zoo.errors import CardError

FENCE = "---"
LARGEST = 200_000
"""Bytes of a file; our largest has 6,000."""
_MOST_ERRORS = 20


def read_text(path: Path) -> str:
    """The text of a small UTF-8 file.

    Raises CardError with the reason when it is not there or no ordinary file (a pipe would be waited for), too large,
    or not UTF-8.
    """
    name = file_name(path)
    try:
        return files.read_ordinary(path, limit=LARGEST).decode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        raise CardError(f"{name}:{line}: byte 0x{byte:02X} is not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise CardError(f"{name}: cannot be read: {error.strerror or error}") from None


def require_visible(text: str, *, name: str) -> None:
    """Raise CardError with the line when a text holds control or invisible characters other than tab and newline."""
    if found := CONTROL.search(text.replace("\t", " ")):
        line = text.count("\n", 0, found.start()) + 1
        raise CardError(f"{name}:{line}: holds {named(found[0])}; take it out")


def file_name(path: Path) -> str:
    """A file's name as messages can show it, on one line."""
    shown = CONTROL.sub("\N{REPLACEMENT CHARACTER}", path.name.replace("\n", "\N{REPLACEMENT CHARACTER}"))
    return _short(shown)


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
    (a list for a tuple) and nothing else (`1e-3` is text).
    """
    data = plain_yaml.read(text, name=name, first_line=first_line)
    try:
        return model.model_validate_json(json.dumps(data), strict=True)
    except (ValidationError, TypeError) as error:
        raise CardError(explain(error, name=name)) from None


def read_yaml[Model: BaseModel](path: Path, model: type[Model]) -> Model:
    """Read a YAML file into a strict pydantic model. Raises CardError: file, field, reason."""
    return parse_yaml(read_text(path), model, name=file_name(path), first_line=0)


def explain(error: ValidationError | TypeError, *, name: str) -> str:
    """A validation error as lines of `file: field: reason`."""
    if isinstance(error, TypeError):
        return f"{name}: {error}"
    lines = []
    found = _of_closest_form(error.errors(include_url=False))
    for item in found[:_MOST_ERRORS]:
        field = _short(".".join(str(part) for part in item["loc"])) or "front matter"
        lines.append(f"{name}: {field}: {_reason(item['type'], item['msg'], item['input'])}")
    if len(found) > _MOST_ERRORS:
        lines.append(f"{name}: {len(found) - _MOST_ERRORS} further faults")
    return "\n".join(lines)


def _of_closest_form(found: list[ErrorDetails]) -> list[ErrorDetails]:
    """Errors of one alternative where a field has several forms: of the one whose keys come closest to those given.

    pydantic tells the errors of all of them, each with the class's name in its place.
    """
    unfitting: dict[tuple[int | str, ...], int] = {}
    forms = [next((row for row, part in enumerate(item["loc"]) if str(part)[:1].isupper()), None) for item in found]
    for item, form in zip(found, forms, strict=True):
        if form is not None:
            place = item["loc"][: form + 1]
            unfitting[place] = unfitting.get(place, 0) + (item["type"] in {"missing", "extra_forbidden"})
    least = {
        place[:-1]: min(number for other, number in unfitting.items() if other[:-1] == place[:-1])
        for place in unfitting
    }
    return [
        item
        for item, form in zip(found, forms, strict=True)
        if form is None or unfitting[item["loc"][: form + 1]] == least[item["loc"][:form]]
    ]


def _reason(kind: str, message: str, given: object) -> str:
    if kind == "extra_forbidden":
        return "no such field"
    if kind == "missing":
        return "missing"
    if kind == "string_type" and isinstance(given, bool | int | float):
        return f"must be text, but YAML reads it as {given!r}; put it in quotes"
    if kind == "float_type" and isinstance(given, str):
        return f"must be a number, but YAML reads {given!r} as text; write 0.001 or 1.0e-3"
    shown = repr(given[:100] if isinstance(given, str | list) else given)
    return f"{message.removeprefix('Value error, ')} (got {_short(shown)})"


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."
