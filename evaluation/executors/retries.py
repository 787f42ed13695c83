"""Retries: whether a shard that ended early is started once more."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.executors.job import Ended, Job
from evaluation.harness.shard import Shard
from evaluation.harness.store import Chunk

LIMIT = 3
"""Attempts in a row that stored nothing, after which a shard is given up. One that stores something counts as none."""


class Retries:
    """The attempts at one shard."""

    def __init__(self, job: Job, shard: Shard, chunks: frozenset[str], *, limit: int = LIMIT) -> None:
        self.job, self.shard, self.limit = job, shard, limit
        self._chunks = chunks
        self._stored = job.stored(chunks)
        self._in_vain = 0

    def again(self, ended: Ended) -> bool:
        """Whether to start it once more after it ended like this."""
        stored = self.job.stored(self._chunks)
        self._in_vain = 0 if stored - self._stored else self._in_vain + 1
        self._stored = stored
        return ended.error is not None and ended.again and self._in_vain < self.limit


def retries_of(job: Job, shards: Sequence[Shard], plan: Sequence[Chunk]) -> dict[Shard, Retries]:
    """A count for each shard, at the beginning of a run; states that an earlier one left are removed."""
    found = {}
    for shard in shards:
        job.state_file(shard).unlink(missing_ok=True)
        found[shard] = Retries(job, shard, frozenset(chunk.name for chunk in shard.choose(plan)))
    return found
