"""What the study of the rotational error writes, and the leaderboard reads."""

from __future__ import annotations

from pathlib import Path

from zoo.strict import Strict


class FrameError(Strict):
    """Force errors of one frame, over the orientations that it was computed in; each is a mean square per component."""

    sample: str
    """Of the task forces."""
    n_atoms: int
    total: float
    """(eV/Å)²: of the forces against the reference, averaged over orientations."""
    rotational: float
    """(eV/Å)²: of the forces, turned back, around their mean over orientations; unbiased."""


class RotationalError(Strict):
    """One entry on the frames that no training of ours has seen."""

    entry: str
    checkpoint_sha256: str
    orientations: int
    frames: tuple[FrameError, ...]
    unanswered: int
    """Frames for which the model has no forces."""
    dataset_sha256: str
    version: str
    """Of mlip-zoo."""
    commit: str | None
    finished: str
    """UTC, ISO 8601."""


def read_rotational_error(path: Path) -> RotationalError:
    """Read one. Raises pydantic's ValidationError with field and reason."""
    return RotationalError.model_validate_json(path.read_text(encoding="utf-8"), strict=True)


COMMAND = "python -m evaluation.studies.rotational_error NAME leaderboard/results/rotational-error/forces"
"""Makes one."""
