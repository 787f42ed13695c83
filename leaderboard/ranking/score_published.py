"""Score all published results anew and write the figures that ship with them (`leaderboard/scored`).

python -m leaderboard.ranking.score_published
"""

from __future__ import annotations

import os
import sys
import tempfile

from evaluation.reference import dataset
from evaluation.subset import SUBSETS
from leaderboard.ranking import scored
from leaderboard.ranking.collect import PUBLISHED, names_of_samples, read_entry
from zoo import settings


def main() -> None:
    """Score all published results, as a machine without reference data does, and write what ships of them."""
    os.environ.pop(settings.MIRROR.name, None)
    written, names = set(), {}
    with tempfile.TemporaryDirectory() as empty, dataset.here_only():
        os.environ[settings.CACHE.name] = empty
        for path in sorted(PUBLISHED.glob("*/*.json")):
            entry = read_entry(path, trusted=False)
            needs = entry.lacks if "scores" in entry.unchecked else None
            if entry.task.name not in names:
                asked = {subset: names_of_samples(entry.task, subset) for subset in SUBSETS}
                names[entry.task.name] = {
                    subset: found if isinstance(found, frozenset) else scored.Needs(found.dataset or "")
                    for subset, found in asked.items()
                }
            if {"protocol", "dataset"}.intersection(entry.stale):
                continue
            written.add(scored.write(path, entry.records_path, rows=entry.rows, needs=needs, records=entry.records))
            sys.stdout.write(f"{entry.task.name}/{entry.name}\n")
        scored.write_sample_names(names)
    for path in set(scored.FOLDER.glob("*/*.json.gz")) - written:
        path.unlink()


if __name__ == "__main__":
    main()
