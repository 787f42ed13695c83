"""The protocols of the published results: their hashes are what they were when the records were made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import leaderboard
from evaluation import task
from evaluation.protocol import protocol_sha256

RESULTS = Path(leaderboard.__file__).parent / "results"


@pytest.mark.parametrize("name", task.names())
def test_published_results_are_of_todays_protocol(name: str) -> None:
    found = {json.loads(path.read_text())["run"]["protocol_sha256"] for path in (RESULTS / name).glob("*.json")}
    assert found == {protocol_sha256(task.load(name).protocol)}
