"""Common samples: chosen entries on the samples that all of them support, so that coverage moves no score."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from evaluation.scoring import supported
from evaluation.subset import SUBSETS
from leaderboard.errors import NoResults
from leaderboard.ranking.collect import Entry


def on_common_samples(entries: Sequence[Entry], names: Collection[str]) -> list[Entry]:
    """The named entries, task by task, on the samples that no one of them has as unsupported.

    The samples are those of the smallest subset that one of them ran, so that all of them stand on one board. A failed
    sample stays, and costs what the metric says. Tasks that not all of them have figures of are left out.
    Raises NoResults when that leaves nothing.
    """
    by_task: dict[str, dict[str, Entry]] = {}
    for entry in sorted(entries, key=lambda entry: SUBSETS.index(entry.result.run.subset)):
        if entry.name in names and entry.rows:
            by_task.setdefault(entry.task.name, {})[entry.name] = entry  # of several subsets, the largest
    complete = [list(same.values()) for same in by_task.values() if same.keys() == set(names)]
    found = [part for same in complete for part in _restricted(same)]
    if not found:
        raise NoResults(
            f"no task has figures of today's protocol, and samples in common, of {', '.join(sorted(names))}; "
            "'mlip-zoo board' shows who has which"
        )
    return found


def _restricted(entries: Sequence[Entry]) -> list[Entry]:
    known = (frozenset(str(row["sample"]) for row in supported(each.rows)) for each in entries)
    shared = frozenset.intersection(*known)
    subset = min((each.result.run.subset for each in entries), key=SUBSETS.index)
    return [each.of(shared, subset=subset) for each in entries] if shared else []
