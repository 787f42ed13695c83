"""Staging: files into a mirror folder, named by their hash: `<folder>/<sha256>`."""

from __future__ import annotations

import shutil
from pathlib import Path

from zoo import files
from zoo.errors import CheckpointError


def stage(path: Path, folder: Path) -> Path:
    """Copy a file into a mirror; one that is there already stays. Returns its place. Raises CheckpointError."""
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    target = folder / files.sha256(path)
    if target.is_file() and files.sha256(target) == target.name:
        return target
    with files.whole(target) as temporary:
        shutil.copyfile(path, temporary)
        if files.sha256(temporary) != target.name:
            raise CheckpointError(f"{path} changed while it was copied; nothing was kept")
    return target
