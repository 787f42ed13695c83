"""One file per family. A worker runs it by path, in the family's own environment; it imports nothing of ours."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def families() -> list[str]:
    """Names of all families that have an adapter: the files of this folder."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
