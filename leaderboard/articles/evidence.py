"""Evidence: all that the folders of results hold, entries of tasks and what was made without a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from evaluation.studies.calibration_data import Calibration, read_calibration
from evaluation.studies.rotational_error_data import RotationalError, read_rotational_error
from evaluation.studies.tolerance_data import Curves, read_curves
from leaderboard.ranking.collect import Collection, Entry


@dataclass(frozen=True)
class Evidence:
    """Everything from which articles and findings are computed."""

    entries: tuple[Entry, ...]
    curves: tuple[Curves, ...] = ()
    """Tolerance curves, by the reference model's name."""
    calibrations: tuple[Calibration, ...] = ()
    """What detectors measure of perturbations of known amplitude."""
    rotational_errors: tuple[RotationalError, ...] = ()
    """Which part of an entry's force error is its dependence on orientation."""

    def of(self, task: str) -> list[Entry]:
        """Entries of a task that were made under today's protocol, dataset and checkpoint."""
        return [entry for entry in self.entries if entry.task.name == task and not entry.stale]


def gather(collection: Collection) -> tuple[Evidence, list[str]]:
    """The evidence, and what of it could not be read; where two folders hold the same, the later one counts."""
    faults: list[str] = []
    curves = _read(collection, "tolerance", read_curves, faults)
    calibrations = _read(collection, "calibration", read_calibration, faults)
    errors = _read(collection, "rotational-error", read_rotational_error, faults)
    return Evidence(collection.entries, tuple(curves), tuple(calibrations), tuple(errors)), faults


def _read[Kind: BaseModel](
    collection: Collection, name: str, read: Callable[[Path], Kind], faults: list[str]
) -> list[Kind]:
    found: dict[str, Kind] = {}
    for folder in collection.folders:
        for path in sorted((folder / name).rglob("*.json")):
            try:
                found[str(path.relative_to(folder))] = read(path)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                field = ".".join(map(str, first["loc"])) or "the file"
                faults.append(f"{path}: {field}: {first['msg']}")
            except (OSError, UnicodeDecodeError) as error:
                faults.append(f"{path}: {error}")
    return [found[key] for key in sorted(found)]
