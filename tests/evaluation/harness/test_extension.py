"""Extension: records of an earlier version are kept and added to, where the later version does nothing but add."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from evaluation.errors import ProtocolMismatch, StoreError
from evaluation.harness.extension import earlier
from evaluation.harness.run import Evaluation
from evaluation.harness.store import read_records
from evaluation.record import Record
from evaluation.task import Task, load
from tests import toy
from zoo.potential import Potential

TASK = load("eos")
ENTRY = "toy@conservative"
FOLDERS = ("runs", "results")


class Later:
    """Equations of state, version 2: a note on every record."""

    def __init__(self, **numbers: Any) -> None:
        self.protocol = TASK.protocol.model_copy(update={"version": 2, **numbers})

    def __getattr__(self, name: str) -> Any:
        return getattr(TASK, name)

    def extend(self, records: Sequence[Record], potential: object) -> list[Record]:
        return [r.model_copy(update={"outputs": {**r.outputs, "note": "later"}}) for r in records]


def later(**numbers: Any) -> Task:
    return cast("Task", Later(**numbers))


@pytest.fixture(scope="module")
def potential(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with toy.potential(tmp_path_factory.mktemp("toy")) as found:
        yield found


@pytest.fixture(scope="module")
def first(potential: Potential, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of version 1."""
    runs, results = (tmp_path_factory.mktemp("first") / name for name in FOLDERS)
    Evaluation(potential, TASK, subset="canary", threads=1, runs=runs, results=results).run()
    return results


def extended(potential: Potential, first: Path, folder: Path, *, subset: Any = "canary", threads: int = 1) -> Path:
    runs, results = (folder / name for name in FOLDERS)
    before = earlier(first, later(), ENTRY, pinned=["numpy==1"])
    Evaluation(potential, later(), subset=subset, threads=threads, runs=runs, results=results, earlier=before).run()
    return results / "eos" / f"{ENTRY}.json"


def test_records_are_kept_and_the_manifest_says_so(potential: Potential, first: Path, tmp_path: Path) -> None:
    path = extended(potential, first, tmp_path)
    records = read_records(path.with_suffix(".parquet"))
    before = read_records(first / "eos" / f"{ENTRY}.parquet")
    assert [r.outputs for r in records] == [{**r.outputs, "note": "later"} for r in before]
    assert [r.seconds for r in records] == [r.seconds for r in before]  # nothing of it ran again
    run = json.loads(path.read_text())["run"]
    assert (run["protocol_version"], run["extended"]["protocol_version"]) == (2, 1)
    assert "extended" not in json.loads((first / "eos" / f"{ENTRY}.json").read_text())["run"]


def test_other_conditions_are_refused(potential: Potential, first: Path, tmp_path: Path) -> None:
    with pytest.raises(ProtocolMismatch, match="another threads"):
        extended(potential, first, tmp_path, threads=2)


def test_another_version_of_a_pinned_package_is_refused(first: Path, tmp_path: Path) -> None:
    before = earlier(first, later(), ENTRY, pinned=["numpy==1"])
    run = before.result.run
    conditions = {**run.model_dump(mode="json"), "accelerator": None}
    before.require({**conditions, "model_packages": {**run.model_packages, "unrelated": "2"}})
    with pytest.raises(ProtocolMismatch, match="another numpy"):
        before.require({**conditions, "model_packages": {**run.model_packages, "numpy": "0"}})


def test_a_version_that_changes_a_number_keeps_no_record(first: Path) -> None:
    with pytest.raises(ProtocolMismatch, match="changes samples_per_chunk"):
        earlier(first, later(samples_per_chunk=3), ENTRY, pinned=[])


def test_a_task_that_adds_nothing_keeps_no_record(first: Path, tmp_path: Path) -> None:
    with pytest.raises(ProtocolMismatch, match="adds nothing"):
        earlier(first, TASK, ENTRY, pinned=[])
    with pytest.raises(StoreError, match="no such result"):
        earlier(tmp_path, later(), ENTRY, pinned=[])
