"""Authors' answers: what the authors' own calculator said of crystals, as `mlip-zoo canary` writes it beside the cards.

`model_cards/canaries/<card>.json` has the answers, and `<card>.py` is the script that made them. No adapter of the zoo
ever writes one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError

from zoo.cards import front_matter
from zoo.cards.checked import ModeName
from zoo.cards.fields import Date, Line, Sha256
from zoo.errors import CardError
from zoo.files import read_ordinary, write_bytes, write_json
from zoo.strict import Finite

FOLDER = "canaries"
"""Beside the cards."""
_LARGEST = 200_000
"""Bytes of a file; thirteen crystals and a hundred packages have 6,000."""

CrystalName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$", max_length=60)]


class AuthorsAnswer(Finite):
    """Of one crystal."""

    energy_ev_per_atom: float
    max_force_ev_per_angstrom: float
    """The largest norm over atoms."""
    pressure_gpa: float | None = None
    """-trace(stress)/3; None where the calculator has no stress."""


class Authors(Finite):
    """One run of the authors' own calculator."""

    day: Date
    """UTC."""
    mode: ModeName
    """Of the card, which the answers stand for."""
    checkpoint_sha256: Sha256
    """Of the file that the calculator was given."""
    script_sha256: Sha256
    python: Line
    packages: Annotated[dict[Line, Line], Field(max_length=1000)]
    """Name → version of all that was installed."""
    answers: Annotated[dict[CrystalName, AuthorsAnswer], Field(min_length=1, max_length=50)]
    """Of distorted crystals of `zoo.example_crystals`, by name."""


def path(card_file: Path) -> Path:
    """Where the answers for a card lie; it need not exist."""
    return card_file.parent / FOLDER / f"{card_file.stem}.json"


def read(card_file: Path) -> Authors | None:
    """The answers for a card; None where there are none. Raises CardError: file, field, reason."""
    file = path(card_file)
    if not file.exists():
        return None
    name = f"{FOLDER}/{front_matter.file_name(file)}"
    try:
        return Authors.model_validate_json(read_ordinary(file, limit=_LARGEST), strict=True)
    except OSError as error:
        raise CardError(f"{name}: cannot be read: {error.strerror or error}") from None
    except ValidationError as error:
        raise CardError(front_matter.explain(error, name=name)) from None


def write(card_file: Path, answers: Authors, script: bytes) -> Path:
    """Put answers, and the script that made them, beside a card. Returns the file of the answers."""
    file = path(card_file)
    write_bytes(file.with_suffix(".py"), script)
    write_json(file, answers.model_dump(mode="json"))
    return file
