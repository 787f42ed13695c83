"""Whole zoo: what all models on all tasks would take on many accelerators, simulated from measured costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evaluation import task as tasks
from leaderboard.articles.article import Article, Factor, Part, Table
from leaderboard.articles.evidence import Evidence
from leaderboard.formatting import short
from leaderboard.planning.expectation import gpu_rates
from leaderboard.planning.measured import measured
from leaderboard.planning.simulation import Cluster, Outcome
from leaderboard.planning.whole_zoo import TaskCost, run_all, task_costs
from leaderboard.ranking.collect import PUBLISHED
from zoo.cards import index

DEVICES = (1, 8, 64, 256)
PRICE = 2.0
"""Dollars for an hour of one accelerator, until the reader sets another price."""
MODEL = "sevennet-0"
"""The one whose time per atom was measured on an accelerator, on several sizes of batches."""
TROUBLE = {
    "start_seconds": 15.0,
    "transfer_seconds": 0.1,
    "failures_per_hour": 0.002,
    "straggler_share": 0.02,
    "straggler_factor": 3.0,
}
"""The start was measured on an H200; the others are assumptions."""
FILES = 100_000_000
"""Records for which the store is looked at."""


def article(_: Evidence) -> Article:
    """The page, from the published results and the GPU report."""
    device, rates = gpu_rates()
    costs, models = task_costs(measured([PUBLISHED])), len(index.cards())
    return Article(
        name="zoo-costs",
        title="What would the whole zoo cost?",
        lede=f"All {models} checkpoints on all samples of {len(costs)} tasks, on up to {DEVICES[-1]} accelerators: a "
        "simulation whose inputs were measured where they could be, and are named as assumptions where not.",
        parts=[_inputs(costs, rates[MODEL]), *_outcomes(costs, rates[MODEL], models, device), _store(costs, models)],
        notes=(
            "Every model is taken to be as fast as SevenNet-0, whose time per atom was measured in filled batches on "
            f"an {device}: {rates[MODEL] * 1e6:.0f} µs. Costs between models differ by a factor of ten or more, so "
            "multiply by your model's; 'mlip-zoo plan NAME' does that where it was measured.",
            "Atoms × steps are the median over the entries that ran a task; samples that nobody ran have the mean of "
            "the others. Discovery was run by nobody: formation relaxes crystals of the same set and stands in for it.",
            "Assumed: a worker starts in 15 s (measured, with the model in the page cache), 0.1 s a chunk for its "
            "records, one failure of a device in 500 hours, and 2 % of chunks that take three times as long.",
        ),
    )


def _inputs(costs: Sequence[TaskCost], rate: float) -> Part:
    rows = [
        (cost.task, f"{cost.samples:,}", short(cost.atoms), *(short(v) for v in (cost.atoms * rate, cost.around)))
        for cost in sorted(costs, key=lambda cost: -(cost.atoms * rate + cost.around))
    ]
    columns = ("task", "samples", "atoms × steps", "in the model, s", "outside it, s")
    inside, outside = sum(cost.atoms for cost in costs) * rate, sum(cost.around for cost in costs)
    told = (
        f"{inside / 3600:.1f} h in the model and {outside / 3600:.1f} h in which the device waits for the host, as "
        "far as that was measured."
    )
    missing = sorted(set(tasks.names()) - {cost.task for cost in costs})
    lacking = [f"Without {', '.join(missing)}: no published result tells their costs."] if missing else []
    table = Table("Costs of one model on all samples", columns, rows)
    return Part("One model", sentences=[told, *lacking], table=table)


def _outcomes(costs: Sequence[TaskCost], rate: float, models: int, device: str) -> list[Part]:
    found = [run_all(costs, models=models, rate=rate, cluster=Cluster(count, **TROUBLE)) for count in DEVICES]
    rows = [(str(one.devices), *_times(one)) for one in found]
    columns = ("accelerators", "hours", "GPU-hours paid", "of them at work, host or model", "failures")
    hours = [one.held / 3600 for one in found]
    prices = [
        (str(devices), f"{held:,.0f}", f"{held * PRICE:,.0f}") for devices, held in zip(DEVICES, hours, strict=True)
    ]
    price = Factor("Dollars for an hour of one accelerator", PRICE, hours)
    alone = run_all(
        [replace(cost, around=0.0) for cost in costs], models=models, rate=rate, cluster=Cluster(DEVICES[0], **TROUBLE)
    )
    told = (
        f"Between about {short(alone.held / 3600)} GPU-hours, if no host ever keeps a device waiting, and "
        f"{short(hours[0])} with the hosts that our runs had: two cores, busy with other work. The table and the "
        "dollars are of the latter."
    )
    return [
        Part(
            f"All models, on {device}",
            sentences=[told],
            table=Table("Time on several numbers of accelerators", columns, rows),
        ),
        Part(
            "Dollars",
            sentences=[f"At {PRICE:g} dollars for an hour of one accelerator; a script of the page takes your price."],
            table=Table("Dollars by accelerators", ("accelerators", "GPU-hours paid", "dollars"), prices, factor=price),
        ),
    ]


def _times(found: Outcome) -> tuple[str, ...]:
    hours = (found.makespan / 3600, found.held / 3600)
    return (*(short(each, 3) for each in hours), f"{found.utilisation:.0%}", str(found.failures))


def _store(costs: Sequence[TaskCost], models: int) -> Part:
    files = sum(-(-cost.samples // cost.samples_per_chunk) for cost in costs) * models
    records = sum(cost.samples for cost in costs) * models
    return Part(
        "Where a folder of chunks ends",
        sentences=[
            f"The whole zoo stores {short(records, 3)} records in {short(files, 3)} files, one per chunk, each synced "
            f"to the disk. At {FILES:,} records that is {short(FILES * files / records, 2)} files: listing and "
            "opening them costs more than the records in them, and a network file system counts each.",
            "What replaces it then is what a finished run has already: one file for all records of an entry on a task. "
            "Chunks are merged into parts of about a million records while a run goes on, written to an object store "
            "under names that hold the chunk numbers, and a chunk counts as stored when a part or its own file names "
            "it. Sample by sample scores then have to be computed from columns and not from one object per record.",
        ],
    )
