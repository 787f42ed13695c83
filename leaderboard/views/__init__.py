"""Views: how one entry's samples of a task are shown on its model's page; a view's name is its task's name.

A task without a view shows its scores alone.
"""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leaderboard.charts.spec import Spec
    from leaderboard.views.base import View


def view(task: str) -> View | None:
    """The view of a task; None where it has none."""
    if not (Path(__file__).parent / f"{task}.py").is_file():
        return None
    found: View = importlib.import_module(f"{__name__}.{task}").VIEW
    return found


@cache
def spec(task: str) -> Spec:
    """The picture that the panels of a task share; it has a view. Nobody changes it: all pages have the same one."""
    found = view(task)
    assert found is not None
    return found.spec()
