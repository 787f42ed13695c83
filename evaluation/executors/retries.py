"""Retries: whether a shard that ended early is started once more."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.executors.job import Ended, Job
from evaluation.harness.shard import Shard, divide
from evaluation.harness.store import Chunk

LIMIT = 3
"""Attempts in a row that stored nothing, after which a shard is given up. One that stores something counts as none."""


class Retries:
    """The attempts at one shard."""

    def __init__(self, job: Job, chunks: Sequence[Chunk], stored: frozenset[str], *, limit: int = LIMIT) -> None:
        """`stored`: names of all chunks of the run that are stored already."""
        self.job, self.limit = job, limit
        self._chunks = frozenset(chunk.name for chunk in chunks)
        self._stored = stored & self._chunks
        self.samples_stored = sum(len(chunk.samples) for chunk in chunks if chunk.name in stored)
        """Before this run."""
        self._in_vain = 0

    def again(self, ended: Ended) -> bool:
        """Whether to start it once more after it ended like this."""
        if ended.error is None:
            return False
        stored = self.job.stored(self._chunks)
        self._in_vain = 0 if stored - self._stored else self._in_vain + 1
        self._stored = stored
        return ended.again and self._in_vain < self.limit


def retries_of(job: Job, shards: Sequence[Shard], plan: Sequence[Chunk]) -> dict[Shard, Retries]:
    """A count for each shard, at the beginning of a run; states that an earlier one left are removed."""
    stored = job.stored(frozenset(chunk.name for chunk in plan))
    parts = {count: divide(plan, count) for count in {shard.count for shard in shards}}
    found = {}
    for shard in shards:
        job.state_file(shard).unlink(missing_ok=True)
        found[shard] = Retries(job, parts[shard.count][shard.index - 1], stored)
    return found
