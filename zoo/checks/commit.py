"""Commit: which source runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

from zoo import settings
from zoo.cards.checked import FOLDER


def commit() -> str | None:
    """Commit of the checkout that this code runs from, `-dirty` when it has uncommitted changes.

    The records of passed checks do not count: no code reads them that computes, and to record one would spoil the next.
    Outside of one it is what the user says (`zoo.settings.commit`), or None.
    """
    here = Path(__file__).parent
    found = _git(here, "rev-parse", "HEAD")
    if found is None:
        return settings.commit()
    all_but_records = (":/", f":(exclude,top)model_cards/{FOLDER}")
    changed = _git(here, "status", "--porcelain", "--untracked-files=no", "--", *all_but_records)
    return f"{found}-dirty" if changed else found


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
