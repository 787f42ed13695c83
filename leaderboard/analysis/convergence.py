"""Convergence: the published tables of what a task's scores do when one number of its protocol is another one."""

from __future__ import annotations

import hashlib
from pathlib import Path

from evaluation.protocol import protocol_sha256
from evaluation.studies.convergence_data import Convergence
from evaluation.task import Task
from leaderboard.ranking.collect import PUBLISHED
from zoo.files import sha256

FOLDER = PUBLISHED / "convergence"


def identity(task: Task, *, folder: Path = FOLDER) -> str:
    """One hash over the files that `tables` reads."""
    found = sorted(folder.glob(f"{task.name}-*/*.json"))
    return hashlib.sha256("\n".join(sha256(path) for path in found).encode()).hexdigest()


def tables(task: Task, *, folder: Path = FOLDER) -> list[Convergence]:
    """Those of today's protocol, by number and by entry. Raises ValidationError for a broken file."""
    found = [
        Convergence.model_validate_json(path.read_text(encoding="utf-8"), strict=True)
        for path in sorted(folder.glob(f"{task.name}-*/*.json"))
    ]
    return [table for table in found if table.protocol_sha256 == protocol_sha256(task.protocol)]
