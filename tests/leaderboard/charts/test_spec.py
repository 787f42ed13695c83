"""Specifications are made without a look at the schema, which takes most of a build; here they are held against it."""

from __future__ import annotations

import altair
import pytest

from evaluation import task as tasks
from leaderboard import views
from leaderboard.ranking.collect import PUBLISHED, read_entry


@pytest.mark.parametrize("task", [name for name in tasks.names() if views.view(name)])
def test_the_pictures_of_a_task_are_vega_lite(task: str) -> None:
    """Those that its panels share, and those that some of them have of their own."""
    found = [views.spec(task)]
    for path in sorted(PUBLISHED.glob(f"{task}/*.json"))[:3]:
        found += [panel.spec for panel in read_entry(path).panels if panel.spec and panel.spec not in found]
    for spec in found:
        altair.Chart.from_dict(spec)
