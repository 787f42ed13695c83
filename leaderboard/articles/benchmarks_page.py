"""Benchmarks: what isolation, batches, the store and the site cost, from the reports that ship."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from leaderboard.articles.article import Article, Part, Table
from leaderboard.articles.evidence import Evidence
from leaderboard.formatting import NOTHING, short
from leaderboard.ranking.collect import PUBLISHED
from zoo.files import json_text

FOLDER = PUBLISHED / "benchmarks"
TITLES = {
    "startup": "Start of the command",
    "store": "Records stored and scored",
    "site": "The site",
    "planning": "What plan foretells of published runs, each left out, against what they took in the model",
    "executors": "Spread over processes: one process over workers times as many",
    "isolation": "An isolated worker against the model in the same process",
    "relaxation": "Batched relaxation against other ways",
    "phonons": "Displaced supercells as one stream against one by one",
    "projection": "Force constants projected onto what a space group allows: a basis of that space over averages",
}
_LEFT_OUT = ("part_seconds", "load", "small", "failed")
_COLUMNS = ("what", "median", "lowest", "highest", "n")


def article(_: Evidence) -> Article:
    """The page, from the reports that ship."""
    cpu, gpu = _read(FOLDER / "cpu" / "bench.json"), _read(FOLDER / "h200" / "gpu-report.json")
    return Article(
        name="benchmarks",
        title="Benchmarks",
        lede="Ratios of two ways to the same numbers, measured in turn within one run, and rates of the parts that are "
        "not a model's. Times by the clock are of the machine as it was; ratios and CPU times move less.",
        parts=[*_cpu_parts(cpu), *_gpu_parts(gpu)] or [Part("No report", command="make bench")],
        notes=(
            "A part that failed or was stopped at its time limit is shown with the reason, and without numbers.",
            "The load is the number of processes that wanted a core when the part ended; the machine of the CPU's "
            "report has two cores.",
        ),
        downloads={"bench.json": json_text(cpu), "gpu-report.json": json_text(gpu)},
    )


def _read(path: Path) -> dict[str, object]:
    return cast("dict[str, object]", json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _cpu_parts(report: Mapping[str, object]) -> Iterator[Part]:
    for name, title in TITLES.items():
        told = report.get(name)
        if not isinstance(told, dict):
            continue
        sentences = [f"Load {told['load']:.0f}, {told['part_seconds']:.0f} s in all."]
        if told.get("small"):
            sentences.append("Small sizes, for a try.")
        if told.get("failed"):
            sentences.append(f"It has no numbers: {str(told['failed']).strip().splitlines()[-1][:300]}.")
        yield Part(f"CPU: {title}", sentences=sentences, table=_table(title, told))


def _table(title: str, told: Mapping[str, object]) -> Table | None:
    rows = [
        row for name, value in told.items() if name not in _LEFT_OUT for row in _rows(name.replace("_", " "), value)
    ]
    return Table(title, _COLUMNS, rows) if rows else None


def _rows(name: str, value: object, *, n: object = 1) -> Iterator[tuple[str, ...]]:
    """A figure with its spread; or one alone; or one of each of several ways to count it, over `n` cases."""
    if isinstance(value, dict) and "median" in value:
        low, high = (
            value.get(key, value.get(other)) for key, other in (("low", "lower_quartile"), ("high", "upper_quartile"))
        )
        yield name, *(_number(each) for each in (value["median"], low, high, value.get("n")))
    elif isinstance(value, dict):
        for part, inner in value.items():
            if part != "n":
                yield from _rows(f"{name}, {part.replace('_', ' ')}", inner, n=value.get("n", 1))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, _number(value), NOTHING, NOTHING, _number(n)


def _number(value: object) -> str:
    """A count as it is, what was measured with two digits."""
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\N{NO-BREAK SPACE}")
    return short(value) if isinstance(value, float) else NOTHING


def _gpu_parts(report: Mapping[str, object]) -> Iterator[Part]:
    facts = report.get("facts")
    if not isinstance(facts, dict):
        return
    device = str(facts.get("accelerator"))
    for name, sentence in GPU_SENTENCES.items():
        told = report.get(name)
        if isinstance(told, dict) and (table := _table(f"{name} on {device}", _without_texts(told))):
            yield Part(f"{device}: {name}", table=table, sentences=[sentence])


def _without_texts(told: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in told.items() if not isinstance(value, str | bool)}


GPU_SENTENCES = {
    "relaxation": "Seconds per crystal and steps, of the same distorted crystals. Evaluations relax by L-BFGS.",
    "phonons": "Seconds for all supercells of 20 solids; the ratio is that of one by one over one stream.",
    "ratio sevennet-0": "(Isolated - in process) / in process, SevenNet-0, with quartiles.",
    "ratio pet-tiny": "(Isolated - in process) / in process, PET-tiny, with quartiles.",
    "streams": "Atoms per second of streams of crystals: graphs of the next batch made beside the forward pass, or in "
    "turn; and by the atoms of a batch.",
    "speed": "µs per atom, by structures × atoms in a batch.",
    "memory": "Running out of memory and going on with smaller batches.",
}
"""What a part of a GPU's report holds, in the order of the page."""
