"""Acceptance: results of a lane join the published ones, after every check that the board makes."""

from __future__ import annotations

import shutil
from pathlib import Path

from leaderboard.errors import ResultFault
from leaderboard.ranking import score_published
from leaderboard.ranking.collect import PUBLISHED, Entry, collect, read_entry
from zoo import files


def accept(folder: Path, into: Path) -> list[Path]:
    """Copy results with their records; costs are those of the records. Returns the results' files.

    Where they join the published ones, what ships of them (`leaderboard.ranking.scored`) is written as well.

    All or none: raises ResultFault for a result that cannot be shown, that is stale, of a model that is not verified
    or withdrawn, or whose scores could not be computed again on this machine.
    """
    found = collect([folder])
    reasons = [*found.faults, *(f"{entry.path}: {why}" for entry in found.entries for why in _refused(entry))]
    if reasons:
        raise ResultFault("nothing was accepted:\n  " + "\n  ".join(reasons))
    for entry in found.entries:  # records first: a result without its records is a fault
        target = into / entry.task.name / entry.result.records_name
        with files.whole(target) as temporary:
            shutil.copyfile(entry.records_path, temporary)
    paths = [entry.result.write(into) for entry in found.entries]
    if into.resolve() == PUBLISHED.resolve():
        for path in paths:
            score_published.write(read_entry(path, trusted=False))
    return paths


def _refused(entry: Entry) -> list[str]:
    reasons = [f"made under another {', '.join(entry.stale)}"] if entry.stale else []
    if not entry.card.verified:
        reasons.append(f"{entry.card.name} is not verified; 'mlip-zoo check {entry.card.name} --record' makes it so")
    if entry.card.withdrawn:
        reasons.append(f"{entry.card.name} is withdrawn: {entry.card.withdrawn.reason}")
    if entry.unchecked:
        reasons.append(entry.caveat or "its scores were not computed again")
    return reasons
