"""Expectation: forecasts of named entries from the results, data and checkpoints that are on this machine."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from evaluation import task as tasks
from evaluation.errors import DatasetUnavailable
from evaluation.reference import dataset
from evaluation.subset import Subset
from leaderboard.planning.forecast import Forecast, Work, forecast
from leaderboard.planning.measured import Measured, measured
from leaderboard.ranking.collect import PUBLISHED, default_folders, sample_names
from zoo.cards import index
from zoo.checkpoints import cache

GPU_REPORT = PUBLISHED / "benchmarks" / "h200" / "gpu-report.json"
"""Of the one accelerator that was measured."""


def expect(
    names: Sequence[str],
    wanted: Sequence[str],
    subset: Subset,
    *,
    device: str,
    workers: int,
    folders: Sequence[Path] | None = None,
) -> list[Forecast]:
    """What each named model will cost on each task. Raises UnknownModel, UnknownTask."""
    entries = [index.resolve(name) for name in names]
    chosen = [tasks.load(name) for name in wanted]
    runs = measured(folders or default_folders())
    gpu, per_atom = gpu_rates()
    on = device if device == "cpu" else _accelerator(device, runs) or gpu
    found = []
    for task in chosen:
        samples = _samples(task.name, subset)
        for card, mode in entries:
            work = Work(
                entry=index.entry_name(card, mode),
                card=card,
                mode=mode,
                task=task.name,
                subset=subset,
                samples=samples,
                samples_per_chunk=task.protocol.samples_per_chunk,
                device=on,
                workers=workers,
            )
            found.append(forecast(work, runs, per_atom=per_atom if on == gpu else {}))
    return found


def _accelerator(device: str, runs: Sequence[Measured]) -> str | None:
    """The accelerator that is meant: by its name, or with `cuda` the one that most runs were made on."""
    known = Counter(run.device for run in runs if run.device != "cpu")
    if device.partition(":")[0] != "cuda":
        return device
    return known.most_common(1)[0][0] if known else None


def _samples(task: str, subset: Subset) -> dict[str, frozenset[str] | None] | None:
    """A subset's samples and their elements, as far as the data on this machine tell."""
    names = sample_names(task, subset)
    try:
        with dataset.here_only():
            return {sample.id: frozenset(sample.atoms.symbols) for sample in tasks.load(task).samples(subset)}
    except DatasetUnavailable:
        return None if isinstance(names, DatasetUnavailable) else dict.fromkeys(sorted(names))


def gpu_rates(report: Path = GPU_REPORT) -> tuple[str, dict[str, float]]:
    """The accelerator of a GPU report, and card → seconds in the model per atom there, the median over batches.

    Batches of fewer than 1,000 atoms leave such a device idle and are left out: a task fills its batches.
    """
    told = json.loads(report.read_text(encoding="utf-8"))
    rates = {}
    for name, cases in told.get("speed", {}).items():
        if isinstance(cases, dict) and "@" not in name:
            full = [
                case["in model"] * 1e-6
                for batch, case in cases.items()
                if isinstance(case, dict) and "in model" in case and _atoms(batch) >= 1000
            ]
            if full:
                rates[name] = median(full)
    return told["facts"]["accelerator"], rates


def _atoms(batch: str) -> int:
    """Of `256x8`: 256 structures of 8 atoms."""
    structures, _, atoms = batch.partition("x")
    return int(structures) * int(atoms)


def on_disk(names: Sequence[str]) -> dict[str, int | None]:
    """Bytes of each model's checkpoint that are still to be fetched; None where no card says how many they are."""
    found: dict[str, int | None] = {}
    for name in names:
        card, _ = index.resolve(name)
        checkpoint = card.checkpoint
        files = (
            [checkpoint.safetensors.weights, checkpoint.safetensors.config]
            if checkpoint.safetensors
            else [checkpoint.upstream]
        )
        known = [file for file in files if file is not None]
        found[card.name] = sum(file.bytes for file in known if cache.cached(file) is None) if known else None
    return found
