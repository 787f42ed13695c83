"""Site of many made-up models: CPU time of a first build, of one after a new result, and of one where nothing changed.

    python -m tests.benchmarks.site_build [MODELS]

Every model has a result on every task that the published results have one of, with its pictures; values are scaled by
a factor of its own, so that ranks differ. Nothing is written but below a temporary folder.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import leaderboard.ranking.collect as collecting
from evaluation import task as tasks
from leaderboard.ranking import scored
from leaderboard.ranking.collect import collect, read_entry
from leaderboard.site.build import build, is_current
from leaderboard.site.inputs import everything
from zoo import settings
from zoo.files import sha256

CARD = "chgnet-0.3.0"
"""Whose card all models have, under other names and with other weights."""


def main(models: int = 200) -> None:
    """Print seconds as JSON."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        sources = _sources()
        cards = folder / "cards"
        cards.mkdir()
        text = (settings.cards_dir() / f"{CARD}.md").read_text(encoding="utf-8")
        names = [f"made-up-{i:03d}" for i in range(models)]
        for i, name in enumerate(names):
            (cards / f"{name}.md").write_text(_card(text, name), encoding="utf-8")
            for task, source in sources.items():
                _write(folder, task, source, name, 1 + 0.01 * i)
        os.environ[settings.CARDS.name] = str(cards)
        shutil.copytree(collecting.PUBLISHED / "benchmarks", folder / "results" / "benchmarks")
        shutil.copyfile(scored.FOLDER / "samples.json.xz", folder / "scored" / "samples.json.xz")
        collecting.PUBLISHED, scored.FOLDER = folder / "results", folder / "scored"
        told: dict[str, float] = {"models": models, "tasks": len(sources)}
        told["first_s"] = _timed(folder)
        _write(folder, "eos", sources["eos"], names[0], 1.5)
        told["one_result_changed_s"] = _timed(folder)
        told["nothing_changed_s"] = _timed(folder)
        sys.stdout.write(json.dumps(told, indent=2) + "\n")


def _timed(folder: Path) -> float:
    """CPU seconds of what `mlip-zoo site build` does."""
    start = time.process_time()
    results, out = folder / "results", folder / "site"
    inputs = everything([results], day=None)
    if not is_current(out, inputs):
        collection = collect([results])
        faults = [*collection.faults, *build(collection, out, inputs=inputs)]
        if faults:
            raise SystemExit("\n".join(faults[:5]))
    return round(time.process_time() - start, 1)


Source = tuple[dict[str, Any], dict[str, Any], str]
"""Of a published result: itself, the figures per sample and the pictures that ship with it."""


def _sources() -> dict[str, Source]:
    """Task → its published result with the smallest files that has pictures."""
    found: dict[str, Source] = {}
    for path in sorted(scored.FOLDER.glob("*/*@conservative.json.xz"), key=lambda path: path.stat().st_size):
        result = collecting.PUBLISHED / path.parent.name / path.name.removesuffix(".xz")
        if path.parent.name not in found and read_entry(result).panels:
            head, pictures = scored.parts(path)
            found[path.parent.name] = json.loads(result.read_bytes()), head, json.dumps(pictures)
    return found


def _card(text: str, name: str) -> str:
    """The card with another title and other hashes."""
    text = re.sub(r"(?m)^title: .*$", f"title: {name}", text)
    return re.sub(r"\b[0-9a-f]{64}\b", lambda old: hashlib.sha256((name + old.group()).encode()).hexdigest(), text)


def _write(folder: Path, task: str, source: Source, name: str, factor: float) -> None:
    result, head, pictures = (*map(json.loads, map(json.dumps, source[:2])), source[2])
    metric = tasks.load(task).metrics[0].name
    card = (folder / "cards" / f"{name}.md").read_text(encoding="utf-8")
    weights = re.search(r"weights:\s+\{?sha256: ([0-9a-f]{64})", card)
    assert weights
    result["run"] |= {"entry": f"{name}@conservative", "card": name, "checkpoint_sha256": weights.group(1)}
    path = folder / "results" / task / f"{name}@conservative.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result), encoding="utf-8")
    head["rows"][metric] = [factor * each if isinstance(each, float) else each for each in head["rows"][metric]]
    head["made_from"] |= {"result": sha256(path)}
    ships = folder / "scored" / task / f"{name}@conservative.json.xz"
    ships.parent.mkdir(parents=True, exist_ok=True)
    ships.write_bytes(lzma.compress(f"{json.dumps(head)}\n{pictures}".encode(), preset=0))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
