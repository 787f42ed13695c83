"""Score published results and write the figures that ship with them (`leaderboard/scored`).

python -m leaderboard.ranking.score_published    # all of them anew; 'mlip-zoo submit figures' those that changed
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from evaluation import task as tasks
from evaluation.errors import DatasetUnavailable
from evaluation.reference import dataset
from evaluation.subset import SUBSETS, Subset
from leaderboard.ranking import scored
from leaderboard.ranking.collect import PUBLISHED, names_of_samples, read_entry
from zoo import settings


def score(*, anew: bool) -> list[Path]:
    """Write the figures of published results, as a machine without reference data works them out.

    `anew`: of all results; else of those whose figures are not of today's files. Figures of results that went, or
    became stale, go. Returns the results whose figures were written.
    """
    done: list[Path] = []
    kept: set[Path] = set()
    mirror, cache = os.environ.pop(settings.MIRROR.name, None), os.environ.get(settings.CACHE.name)
    try:
        with tempfile.TemporaryDirectory() as empty, dataset.here_only():
            os.environ[settings.CACHE.name] = empty
            results = sorted(PUBLISHED.glob("*/*.json"))
            for path in results:
                if not anew and scored.read(path, path.with_suffix(".parquet")):
                    kept.add(scored.path_of(path))
                elif written := _score(path):
                    kept.add(written)
                    done.append(path)
            names = {path.parent.name for path in results}
            scored.write_sample_names({name: _sample_names(name, anew=anew) for name in sorted(names)})
    finally:
        for variable, value in ((settings.MIRROR.name, mirror), (settings.CACHE.name, cache)):
            if value is None:
                os.environ.pop(variable, None)
            else:
                os.environ[variable] = value
    for path in set(scored.FOLDER.glob("*/*.json.gz")) - kept:
        path.unlink()
    return done


def _score(path: Path) -> Path | None:
    """The file of one result's figures; None for a result of another protocol or dataset than today's."""
    entry = read_entry(path, trusted=False)
    if {"protocol", "dataset"}.intersection(entry.stale):
        return None
    needs = entry.lacks if "scores" in entry.unchecked else None
    return scored.write(path, entry.records_path, rows=entry.rows, needs=needs, records=entry.records)


def _sample_names(name: str, *, anew: bool) -> dict[Subset, frozenset[str] | scored.Needs]:
    task = tasks.load(name)
    told: dict[Subset, frozenset[str] | scored.Needs] = {}
    for subset in SUBSETS:
        known = None if anew else scored.sample_names(task, subset)
        if known is None:
            found = names_of_samples(task, subset)
            known = scored.Needs(found.dataset or "") if isinstance(found, DatasetUnavailable) else found
        told[subset] = known
    return told


def main() -> None:
    """Score all published results anew."""
    for path in score(anew=True):
        sys.stdout.write(f"{path.parent.name}/{path.stem}\n")


if __name__ == "__main__":
    main()
