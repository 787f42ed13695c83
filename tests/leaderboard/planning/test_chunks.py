"""What a run's chunks take on the disk: known for each published task, and as large as records are unpacked."""

from __future__ import annotations

import pytest

from evaluation import task as tasks
from leaderboard.planning import chunks
from leaderboard.ranking.collect import PUBLISHED


def test_every_published_task_is_known() -> None:
    with_records = {path.parent.name for path in PUBLISHED.glob("*/*.parquet")} & set(tasks.names())
    assert chunks.bytes_per_sample().keys() >= with_records


@pytest.mark.parametrize("task", ["eos", "forces"])
def test_a_results_records_in_chunks_are_about_that_large(task: str) -> None:
    packed = PUBLISHED / task / "chgnet-0.3.0@conservative.parquet"
    stored, answered = chunks.measured(packed, samples_per_chunk=tasks.load(task).protocol.samples_per_chunk)
    assert stored / answered == pytest.approx(chunks.bytes_per_sample()[task], rel=0.3)
    assert stored > 2 * packed.stat().st_size
