"""A canary per task: what came out, what was late, and what never ran."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evaluation.submission import canaries as module
from evaluation.submission.canaries import canaries
from evaluation.submission.looked import Looked, read
from tests import toy
from zoo.errors import WorkerError
from zoo.potential import Potential


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """One worker for all tasks."""
    with toy.potential(tmp_path) as potential:
        yield lambda _, **__: contextlib.nullcontext(potential)


def test_a_task_without_time_is_late_and_the_next_one_runs(
    tmp_path: Path, opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = iter([-1.0, 60.0])
    real = module._run
    monkeypatch.setattr(module, "_run", lambda *args, **kept: real(*args, **{**kept, "seconds": next(limits)}))
    late, ran = canaries("toy", names=["eos", "eos"], seconds=60.0, runs=tmp_path / "runs", opened=opened)
    assert (late.outcome, late.message, late.result) == ("late", "not finished within 60 s", None)
    assert ran.outcome in {"ran", "failed"}
    assert ran.result is not None
    assert ran.result.run.counts.total == 3
    assert str(ran).startswith(f"eos: {ran.result.run.counts.ok} ok, ")
    looked = Looked(name="toy", commit=None, lines=(("right", "x"),), to_do=(), canaries=(late, ran))
    looked.write(tmp_path / "looked.json")
    assert read(tmp_path / "looked.json") == looked


def test_what_does_not_start_is_told(tmp_path: Path) -> None:
    def opened(*_: object, **__: object) -> Potential:
        raise WorkerError("no\nmodel \x1b[31m")

    (found,) = canaries("toy", names=["eos"], runs=tmp_path, opened=opened)
    assert (found.outcome, str(found)) == ("stopped", "eos: WorkerError: no model")
