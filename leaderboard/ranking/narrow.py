"""Narrow: an entry that ran a large subset, on a smaller one that is part of it."""

from __future__ import annotations

from dataclasses import replace

from evaluation.errors import DatasetUnavailable
from evaluation.result import Cost, Counts
from evaluation.subset import Subset
from leaderboard.ranking.collect import Entry, sample_names


def narrowed(entry: Entry, subset: Subset) -> Entry | None:
    """Scores and costs from the records of the smaller subset's samples alone; the manifest's other facts stand.

    None where the entry has no figures per sample (`Entry.rows`), or where what the subset's samples are is unknown,
    for want of reference data.
    """
    names = sample_names(entry.task.name, subset)
    if not entry.rows or isinstance(names, DatasetUnavailable):
        return None
    records = tuple(record for record in entry.records if record.sample in names)
    rows = tuple(row for row in entry.rows if row["sample"] in names)
    run = entry.result.run
    spent = Cost.of(records, calls_per_answer=entry.mode.cost_force_calls, peak_memory_gb=run.cost.peak_memory_gb)
    part = run.model_copy(update={"subset": subset, "counts": Counts.of(records), "cost": spent})
    result = entry.result.model_copy(update={"run": part, "scores": entry.task.score(rows)})
    return replace(entry, result=result, records=records, rows=rows, part_of=entry)
