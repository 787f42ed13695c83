"""Repack: the records of results as their tasks pack them today, with a look at whether every score stays.

    python -m evaluation.harness.repack leaderboard/results        # all of a folder
    python -m evaluation.harness.repack RESULT.json ...            # some

New results are packed when they are written; this is for those of an earlier version, or of an earlier packing. It
prints the sizes and the largest change of a score or of a limit of its interval, relative to it, and leaves a file as
it is when a score moves by more than rounding. Scores take the reference data, from the cache or a mirror.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from evaluation import task as tasks
from evaluation.harness.store import read_records, write_packed
from evaluation.metric import Score, alike
from evaluation.packing import of_task
from evaluation.result import read_result
from evaluation.scoring import scores_of
from zoo.files import whole


def repack(path: Path) -> tuple[int, int, float] | None:
    """Pack the records of one result; bytes before and after, and the largest relative change of a score.

    None for a task whose records are not packed. Raises ValueError when a score would move.
    """
    result = read_result(path)
    if of_task(result.run.task) is None:
        return None
    task, records_path = tasks.load(result.run.task), path.with_name(result.records_name)
    before = read_records(records_path)
    size = records_path.stat().st_size
    with whole(records_path) as temporary:
        write_packed(temporary, before, task=task.name)
        old, new = (scores_of(task, each) for each in (before, read_records(temporary)))
        if moved := [name for name in old if not alike(old[name], new[name])]:
            raise ValueError(f"{records_path} stays as it is: packed records would move {', '.join(moved)}")
    return size, records_path.stat().st_size, largest_change(old, new)


def largest_change(old: Mapping[str, Score], new: Mapping[str, Score]) -> float:
    """Of a value or a limit of its interval, relative to its size."""
    pairs = [
        (getattr(score, end), getattr(new[name], end))
        for name, score in old.items()
        for end in ("value", "low", "high")
    ]
    return max((abs(a - b) / max(abs(a), abs(b)) for a, b in pairs if None not in (a, b) and a != b), default=0.0)


def main(arguments: Sequence[str]) -> None:
    """Repack the results of these files and folders."""
    for given in map(Path, arguments):
        for path in sorted([*given.glob("*.json"), *given.glob("*/*.json")]) if given.is_dir() else [given]:
            told = repack(path)
            if told is not None:
                before, after, change = told
                sys.stdout.write(f"{path}: {before:,} bytes, now {after:,}; largest change of a score {change:.1e}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
