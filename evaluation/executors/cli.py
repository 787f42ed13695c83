"""Commands that run models through tasks: evaluate, in this process or spread over others; merge."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evaluation.errors import EvaluationError, EvaluationFault
from evaluation.progress_bars import Bar, progress_bars
from evaluation.subset import SUBSETS, Subset
from zoo.errors import ZooError
from zoo.sandbox import options

if TYPE_CHECKING:
    from evaluation.executors.job import Job
    from evaluation.executors.spread import Executor
    from evaluation.harness.extension import Earlier
    from evaluation.harness.shard import Shard
    from evaluation.result import Result
    from evaluation.task import Task
    from zoo.potential import Potential

EXECUTORS = ("serial", "process", "parsl")

Runs = Annotated[Path, typer.Option(help="Folder of records; running again continues there.")]
_Task = Annotated[str, typer.Option(help="What to evaluate.")]
_SubsetName = Annotated[str, typer.Option(help=f"{', '.join(SUBSETS)}; each contains the ones before it.")]
_Results = Annotated[Path | None, typer.Option(help="Folder for the results; 'results' inside --runs when not given.")]
_OtherCommits = Annotated[
    bool,
    typer.Option("--other-commits", help="Keep the shards' records of other commits too; the result names them all."),
]


def evaluate(
    names: Annotated[list[str], typer.Argument(help="Models, NAME or NAME@MODE.")],
    *,
    task: _Task = "eos",
    subset: _SubsetName = "fast",
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda, cuda:1; several GPUs, a worker on each: cuda:all, cuda:0,1")
    ] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads; one is repeatable to the last bit.", min=1)] = 1,
    runs: Runs = Path("mlip-zoo-runs"),
    results: _Results = None,
    extend: Annotated[
        Path | None,
        typer.Option(help="Folder of results of the protocol's version before: their records are kept and added to."),
    ] = None,
    executor: Annotated[
        str,
        typer.Option(help="serial: here; process: in several processes here; parsl: by Parsl, where --config says."),
    ] = "serial",
    workers: Annotated[
        int | None,
        typer.Option(
            help="For process: models at once; by default one per GPU, or per --threads cores.",
            min=1,
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="For parsl: a YAML file that names nodes, queue and limits.", show_default=False)
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(help="Run this part alone, I/N, as in a job array; 'merge' makes the result.", show_default=False),
    ] = None,
    stall_limit: Annotated[
        float, typer.Option(help="Seconds without an answer of the model after which a shard is started again.", min=1)
    ] = 7200.0,
    other_commits: _OtherCommits = False,
    sandbox: options.Sandbox = None,
    untrusted: options.Untrusted = False,
) -> None:
    """Run models through a task. Killed or interrupted, the same command continues."""
    options.use(sandbox, untrusted=untrusted)
    chosen = _subset(subset)
    from evaluation.executors import devices
    from evaluation.executors.job import Job
    from evaluation.task import load as load_task
    from zoo.cards import index

    load_task(task)
    several = devices.is_list(device)
    _require_consistent(executor, shard=shard, config=config, workers=workers, several=several)
    part = _shard(shard) if shard else None
    jobs = [
        Job(
            entry=index.entry_name(*index.resolve(name)),  # a typo in the last name should not be found after hours
            task=task,
            subset=chosen,
            device=device,
            threads=threads,
            runs=runs.absolute(),
            extend=extend.absolute() if extend else None,
            other_commits=other_commits,
        )
        for name in names
    ]
    folder = results or runs / "results"
    if part is not None:
        _each(jobs, lambda job, bar: _run_shard(job, part, bar))
    elif executor == "serial" and not several:
        _each(jobs, lambda job, bar: _run_here(job, folder, bar))
    else:
        _spread(jobs, folder, executor=executor, workers=workers, config=config, stall_limit=stall_limit)


def merge(
    names: Annotated[list[str], typer.Argument(help="Models, NAME or NAME@MODE.")],
    *,
    task: _Task = "eos",
    subset: _SubsetName = "fast",
    runs: Runs = Path("mlip-zoo-runs"),
    results: _Results = None,
    folder: Annotated[
        Path | None, typer.Option(help="The run's own folder, 'protocol-…', where several are complete.")
    ] = None,
    other_commits: _OtherCommits = False,
) -> None:
    """Make the result of shards that all ran ('evaluate --shard'). No model is needed."""
    chosen = _subset(subset)
    from evaluation.harness import merge as merging
    from evaluation.task import load as load_task
    from zoo.cards import index

    work = load_task(task)
    entries = [index.entry_name(*index.resolve(name)) for name in names]
    for entry in entries:
        found = folder or merging.find(runs, task=work, entry=entry, subset=chosen)
        _tell(
            merging.merge(
                found, task=work, subset=chosen, results=results or runs / "results", other_commits=other_commits
            )
        )


def _subset(name: str) -> Subset:
    if name not in SUBSETS:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(SUBSETS)}", param_hint="--subset")
    return name


def _shard(text: str) -> Shard:
    from evaluation.harness.shard import Shard

    try:
        return Shard.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--shard") from None


def _require_consistent(
    executor: str, *, shard: str | None, config: Path | None, workers: int | None, several: bool
) -> None:
    if executor not in EXECUTORS:
        raise typer.BadParameter(f"{executor!r} is not one of {', '.join(EXECUTORS)}", param_hint="--executor")
    if shard and (executor != "serial" or several):
        raise typer.BadParameter("a shard runs in this process, on one device", param_hint="--shard")
    if (executor == "parsl") != (config is not None):
        raise typer.BadParameter("--executor parsl and --config belong together", param_hint="--config")
    if executor == "parsl" and several:
        raise typer.BadParameter("with parsl the configuration's gpus_per_node says it", param_hint="--device")
    if executor == "serial" and not several and workers is not None:
        raise typer.BadParameter("more than one needs --executor process", param_hint="--workers")
    if executor == "parsl" and workers is not None:
        raise typer.BadParameter("with parsl the configuration's blocks and workers say it", param_hint="--workers")


def _each(jobs: Sequence[Job], run: Callable[[Job, Bar], None]) -> None:
    """Run all; what fails stops nothing else, and is told in the end."""
    faults = []
    with progress_bars() as bars:
        for job in jobs:
            bar = bars(f"{job.entry} · {job.task} · {job.subset}")
            try:
                run(job, bar)
            except (ZooError, EvaluationError) as error:
                bar.say("failed")
                faults.append(f"{job.entry}: {type(error).__name__}: {error}")
    if faults:
        raise EvaluationFault("\n".join(faults))


def _run_here(job: Job, results: Path, bar: Bar) -> None:
    from evaluation.harness.run import Evaluation
    from evaluation.task import load as load_task

    work = load_task(job.task)
    with _loaded(job, bar) as potential:
        evaluation = Evaluation(
            potential,
            work,
            subset=job.subset,
            threads=job.threads,
            runs=job.runs,
            results=results,
            earlier=_earlier(job.extend, work, potential) if job.extend else None,
        )
        _tell(evaluation.run(bar.show))


def _run_shard(job: Job, shard: Shard, bar: Bar) -> None:
    from evaluation.executors.work import work

    folder = work(job, shard, lambda job: _loaded(job, bar), show=bar.show)
    sys.stdout.write(f"{job.entry}: shard {shard} is stored in {folder}\n")


def _spread(
    jobs: Sequence[Job],
    results: Path,
    *,
    executor: str,
    workers: int | None,
    config: Path | None,
    stall_limit: float,
) -> None:
    from evaluation.executors.spread import shard_count, spread

    with _executor(jobs[0], executor, workers=workers, config=config, stall_limit=stall_limit) as (
        engine,
        slots,
        on_gpus,
    ):

        def run(job: Job, bar: Bar) -> None:
            with _loaded(job, bar):  # fetched and built once, here, and not by each shard
                pass
            count = shard_count(job.plan(), slots=slots, on_gpus=on_gpus)
            _tell(spread(_on_one(job), engine, count=count, results=results, show=bar.show))

        _each(jobs, run)


@contextlib.contextmanager
def _executor(
    job: Job, name: str, *, workers: int | None, config: Path | None, stall_limit: float
) -> Iterator[tuple[Executor, int, bool]]:
    """The executor of that name, how many shards it runs at once, and whether on GPUs."""
    if name == "parsl":
        assert config is not None
        from evaluation.executors.configuration import read_configuration
        from evaluation.executors.parsl import ParslExecutor

        asked = read_configuration(config)
        with ParslExecutor(asked, folder=job.runs / "parsl", stall_limit=stall_limit) as engine:
            yield engine, asked.slots, asked.gpus_per_node > 0
        return
    from evaluation.executors import devices
    from evaluation.executors.process import ProcessExecutor

    gpus = devices.of_processes(job.device)
    if gpus and workers is not None and workers > len(gpus):
        raise EvaluationError(f"--workers {workers}: one runs on each GPU, and --device {job.device} has {len(gpus)}")
    count = workers or len(gpus or ()) or max(1, (os.cpu_count() or 1) // job.threads)
    yield ProcessExecutor(workers=count, gpus=gpus, stall_limit=stall_limit), count, bool(gpus)


def _on_one(job: Job) -> Job:
    """The job of a worker that sees one of several GPUs."""
    from evaluation.executors import devices

    return job.model_copy(update={"device": "cuda"}) if devices.is_list(job.device) else job


def _loaded(job: Job, bar: Bar) -> Potential:
    from zoo.loading import load

    return load(job.entry, device=_on_one(job).device, threads=job.threads, say=bar.say)


def _earlier(folder: Path, task: Task, potential: Potential) -> Earlier:
    from evaluation.harness.extension import earlier
    from zoo.runtime import environment

    return earlier(folder, task, potential.name, pinned=environment.find(potential.card.family).dependencies)


def _tell(result: Result) -> None:
    counts = result.run.counts
    sys.stdout.write(
        f"{result.run.entry}: {counts.ok} ok, {counts.failed} failed, {counts.unsupported} unsupported of "
        f"{counts.total}\n"
    )
