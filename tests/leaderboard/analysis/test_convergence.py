"""The published tables of convergence: each holds the protocol's own number, with today's metrics, and can be shown."""

from __future__ import annotations

from evaluation import task as tasks
from evaluation.studies.convergence import number
from leaderboard.analysis.convergence import FOLDER, tables


def test_every_table_is_of_todays_protocol_and_has_its_own_number() -> None:
    found = [(task, table) for task in map(tasks.load, tasks.names()) for table in tables(task)]
    assert len(found) == len([*FOLDER.glob("*/*.json")])
    assert found
    for task, table in found:
        (own,) = [setting for setting in table.settings if table.is_published(setting)]
        assert own.value == float(f"{number(task.protocol, table.field):.9g}")
        headline, known = task.metrics[0].name, {metric.name for metric in task.metrics}
        assert own.scores.keys() <= known
        # a table of before a headline became a median has its mean, under the mean's name
        shown = own.scores.get(headline) or own.scores[f"{headline}_mean"]
        assert shown.value is not None, (table.task, table.field)
        assert f"{headline}_mean" not in known or f"{headline}_mean" in own.scores
