"""Commit: which source runs."""

from __future__ import annotations

import subprocess
from pathlib import Path


def commit() -> str | None:
    """Commit of the checkout that this code runs from, `-dirty` when it has uncommitted changes; None outside one."""
    here = Path(__file__).parent
    found = _git(here, "rev-parse", "HEAD")
    if found is None:
        return None
    return f"{found}-dirty" if _git(here, "status", "--porcelain", "--untracked-files=no") else found


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # our own words
            ["git", "-C", str(folder), *arguments],  # noqa: S607  # whichever git the user has
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
