"""Work: one shard in this process, which says in a file how far it is."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from evaluation.errors import EvaluationError, EvaluationFault, RunLocked, SolverFault
from evaluation.executors.job import Ended, Job, Report
from evaluation.harness.extension import earlier
from evaluation.harness.run import Evaluation, RunProgress
from evaluation.harness.shard import Shard
from evaluation.task import load
from zoo.errors import WorkerError, ZooError
from zoo.potential import Potential
from zoo.runtime import environment
from zoo.runtime.remote import answers

REPORT_SECONDS = 5.0
"""Between two looks at whether the model has answered."""
_MAY_GO_BETTER = (EvaluationFault, RunLocked, SolverFault, WorkerError)

Opens = Callable[[Job], AbstractContextManager[Potential]]
"""Starts a job's model."""


def work(job: Job, shard: Shard, opens: Opens, *, show: Callable[[RunProgress], None] = lambda _: None) -> Path:
    """Run what is missing of a shard; returns the run's folder. Raises what `Evaluation.run_shard` and `opens` do.

    How far it is, and how it ended, stands in `job.state_file(shard)`.
    """
    report = Report(job.state_file(shard), pid=os.getpid())
    report.update()
    ended = threading.Event()
    watcher = threading.Thread(target=_report_answers, args=(report, ended), daemon=True)
    watcher.start()

    def told(progress: RunProgress) -> None:
        report.update(done=progress.done, total=progress.total, resumed=progress.resumed, answers=answers())
        show(progress)

    error: BaseException | None = None
    try:
        with opens(job) as potential:
            evaluation = _evaluation(job, potential)
            folder = evaluation.run_shard(
                shard, told, tell=lambda path: report.update(folder=path), other_commits=job.other_commits
            )
    except BaseException as caught:
        error = caught
        raise
    finally:
        ended.set()
        watcher.join()
        report.update(ended=True, error=None if error is None else f"{type(error).__name__}: {error}")
    return folder


def ended_with(error: EvaluationError | ZooError | None) -> Ended:
    """What is told of a shard that ended with this error, or all stored."""
    if error is None:
        return Ended()
    return Ended(error=f"{type(error).__name__}: {error}", again=isinstance(error, _MAY_GO_BETTER))


def _evaluation(job: Job, potential: Potential) -> Evaluation:
    task = load(job.task)
    before = None
    if job.extend is not None:
        pinned = environment.find(potential.card.family).dependencies
        before = earlier(job.extend, task, potential.name, pinned=pinned)
    return Evaluation(
        potential,
        task,
        subset=job.subset,
        threads=job.threads,
        runs=job.runs,
        results=job.runs / "results",
        earlier=before,
    )


def _report_answers(report: Report, ended: threading.Event) -> None:
    while not ended.wait(REPORT_SECONDS):
        if answers() != report.state.answers:
            report.update(answers=answers())
