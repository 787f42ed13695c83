"""Score all published results anew and write what ships with them.

Figures and pictures go to `leaderboard/scored`, relaxed crystals to `leaderboard/crystals`.

python -m leaderboard.ranking.score_published            # all of them: after a change of a task or a view
python -m leaderboard.ranking.score_published RESULT ... # some

It takes the reference data, from the cache or a mirror: without them it stops, and what ships stays as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from evaluation import task as tasks
from evaluation.errors import DatasetUnavailable
from evaluation.reference import dataset
from evaluation.subset import SUBSETS, Subset
from evaluation.task import Task
from leaderboard.ranking import crystals, scored
from leaderboard.ranking.collect import PUBLISHED, Entry, names_of_samples, read_entry


def main(arguments: Sequence[str]) -> None:
    """Score the published results of these files, or all of them, and write what ships of them."""
    everything = sorted(PUBLISHED.glob("*/*.json"))
    wanted = [Path(argument).resolve() for argument in arguments] or everything
    names: dict[str, dict[Subset, frozenset[str]]] = {}
    with dataset.here_only():
        for path in wanted:
            entry = read_entry(path, trusted=False)
            write(entry)
            if entry.task.name not in names:
                names[entry.task.name] = _samples(entry.task)
            sys.stdout.write(f"{entry.task.name}/{entry.name}\n")
    if not arguments:
        scored.write_sample_names(names)
        for path in scored.everywhere() - {scored.path_of(path) for path in everything}:
            path.unlink()
        crystals.clear(everything)
    scored.share_columns()


def write_changed() -> list[Path]:
    """Write what ships of results whose files have changed, or are new; what ships of results that went, goes.

    Returns the results. Raises DatasetUnavailable.
    """
    everything = sorted(PUBLISHED.glob("*/*.json"))
    found = [path for path in everything if scored.read(path, path.with_suffix(".parquet")) is None]
    with dataset.here_only():
        for path in found:
            write(read_entry(path, trusted=False))
        ran = [tasks.load(name) for name in sorted({path.parent.name for path in everything} & set(tasks.names()))]
        if unnamed := [task for task in ran if scored.sample_names(task, "full") is None]:
            scored.write_sample_names({task.name: _samples(task) for task in unnamed}, beside=True)
    for path in scored.everywhere() - {scored.path_of(path) for path in everything}:
        path.unlink()
    crystals.clear(everything)
    scored.share_columns()
    return found


def write(entry: Entry) -> Path:
    """Write what ships of a published result. Raises DatasetUnavailable where its figures need data that are away."""
    if "scores" in entry.unchecked:
        raise DatasetUnavailable(
            f"the figures of {entry.task.name}/{entry.name} take the reference data {entry.lacks}, which are not on "
            f"this machine; 'mlip-zoo datasets {entry.lacks} --fetch' brings them",
            dataset=entry.lacks,
        )
    crystals.write(entry.path, entry.records)
    return scored.write(entry.path, entry.records_path, rows=entry.rows, records=entry.records, panels=entry.panels)


def _samples(task: Task) -> dict[Subset, frozenset[str]]:
    found = {}
    for subset in SUBSETS:
        names = names_of_samples(task, subset)
        if isinstance(names, DatasetUnavailable):
            raise names
        found[subset] = names
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
