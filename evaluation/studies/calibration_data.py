"""Calibration data: what the detectors of the constraints task find of errors whose size is known."""

from __future__ import annotations

from pathlib import Path

from zoo.strict import Finite


class Reading(Finite):
    """What one detector says of one fault."""

    detector: str
    crystal: str
    dialled: float
    found: float | None
    ratio: float | None
    """Found over the amplitude; None where that is zero."""
    unit: str


class Calibration(Finite):
    """What stands in `leaderboard/results/calibration/surrogate/detectors.json`."""

    protocol_sha256: str
    """Of the constraints task's protocol."""
    packages: dict[str, str]
    rows: tuple[Reading, ...]


def read_calibration(path: Path) -> Calibration:
    """Read a calibration. Raises pydantic's ValidationError with field and reason."""
    return Calibration.model_validate_json(path.read_text(encoding="utf-8"), strict=True)


COMMAND = "python -m evaluation.studies.calibration leaderboard/results/calibration"
"""Makes them."""
