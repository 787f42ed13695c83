"""Passed checks: what `mlip-zoo check --record` writes beside the cards, and what makes an entry *verified*.

`model_cards/checked/<card>.json` has one record per mode. Machines write it, never a card's author: a card says what is
claimed, a record that the claims of that very card, on that very checkpoint, passed on a day, at a commit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, RootModel, StringConstraints, ValidationError

from zoo.cards import front_matter
from zoo.cards.fields import Date, Line, Sha256
from zoo.errors import CardError
from zoo.files import read_ordinary, write_json
from zoo.strict import Finite

FOLDER = "checked"
"""Beside the cards."""
_LARGEST = 200_000
"""Bytes of a record's file; one mode has 600."""

ModeName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9+-]*$", max_length=120)]
CheckName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z ]*$", max_length=40)]


class Passed(Finite):
    """One passing run of `mlip-zoo check` on one entry."""

    day: Date
    """UTC."""
    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}(-dirty)?$")] | None
    """Of the checkout that checked; None where it was an installed package."""
    version: Line
    """Of mlip-zoo."""
    device: Line
    checkpoint_sha256: Sha256
    adapter_sha256: Sha256
    claims_sha256: Sha256
    """Of all that the card claims and the checks compare; see `Card.claims_sha256`."""
    passed: Annotated[int, Field(gt=0, le=1000)]
    """Checks that passed."""
    canary: bool
    """Whether the answers of the authors' own calculator were among them."""
    defects: Annotated[tuple[CheckName, ...], Field(max_length=50)] = ()
    """Checks that only passed because the card declares a defect, and its size."""


class PassedModes(RootModel[Annotated[dict[ModeName, Passed], Field(max_length=200)]]):
    """A file of records: mode → record."""


def path(card_file: Path) -> Path:
    """Where the records of a card lie; it need not exist."""
    return card_file.parent / FOLDER / f"{card_file.stem}.json"


def read(card_file: Path) -> dict[str, Passed]:
    """The records of a card, by mode; empty where there are none. Raises CardError: file, field, reason."""
    file = path(card_file)
    if not file.exists():
        return {}
    name = f"{FOLDER}/{front_matter.file_name(file)}"
    try:
        return PassedModes.model_validate_json(read_ordinary(file, limit=_LARGEST), strict=True).root
    except OSError as error:
        raise CardError(f"{name}: cannot be read: {error.strerror or error}") from None
    except ValidationError as error:
        raise CardError(front_matter.explain(error, name=name)) from None


def write(card_file: Path, mode: str, record: Passed) -> Path:
    """Put a record into the card's file, whole, beside those of other modes. Returns the file."""
    file = path(card_file)
    known = {**read(card_file), mode: record}
    write_json(file, PassedModes(known).model_dump(mode="json"))
    return file
