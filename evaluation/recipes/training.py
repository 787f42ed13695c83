"""Training: from a recipe to a checkpoint. Killed, the same call goes on where it was.

One folder holds all trainings: `data-<hash>` for the frames that recipes share, and one folder of each recipe's name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from evaluation.errors import EvaluationFault, RecipeError, RunLocked, Unfinished
from evaluation.recipes import card
from evaluation.recipes import recipe as recipes
from evaluation.recipes.frames import frames, save
from evaluation.recipes.network import NETWORKS
from evaluation.recipes.recipe import Recipe
from evaluation.recipes.trained import Trained
from zoo.cards.card import Card
from zoo.cards.checkpoint import Checkpoint, PinnedFile
from zoo.checkpoints import cache
from zoo.checkpoints.convert import Conversion, convert
from zoo.errors import ConversionError
from zoo.files import json_text, sha256, write_bytes, write_text
from zoo.runtime import environment

FIT = Path(__file__).with_name("fit.py")
CARDS = Path(__file__).parents[2] / "model_cards"
WEIGHTS = Path(__file__).parents[2] / "zoo" / "weights"

Show = Callable[[str, int, int], None]
"""Told what is going on, how much of it is done, and of how much."""


def train(
    name: str, root: Path, *, device: str = "cpu", seconds: float | None = None, show: Show = lambda *_: None
) -> Trained:
    """Train the checkpoint of a recipe in `root`/`name`, or go on with it. What is finished is only looked up.

    `seconds`: how long to learn now; None: to the end. Raises Unfinished when they were not enough, UnknownRecipe,
    RecipeError when the folder was begun with another recipe, DatasetUnavailable, EvaluationFault when the training's
    process fails, ConversionError when the safetensors are not what was trained, and RunLocked when another process is
    at it.
    """
    recipe = recipes.load(name)
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        begin(recipe, folder)
        made = finished(name, root)
        return made or _make(name, recipe, root, device=device, seconds=seconds, show=show)


def _make(name: str, recipe: Recipe, root: Path, *, device: str, seconds: float | None, show: Show) -> Trained:
    folder = root / name
    archive = prepared(recipe, root, show=show)
    family = environment.find(recipe.network)
    family.ensure(say=lambda text: show(text, 0, 1))
    if not (folder / "upstream").exists():
        _fit(recipe, family.python, archive, folder, device=device, seconds=seconds, show=show)
    show("safetensors", 0, 1)
    converted = _without_pickle(name, recipe, folder)
    if not converted.exact:
        raise ConversionError(f"{name}: the safetensors are not the model that was trained: {converted}")
    return _trained(name, root)


def finished(name: str, root: Path) -> Trained | None:
    """What a training wrote; None when it has not finished."""
    made = _trained(name, root)
    return made if made.weights.exists() and made.config.exists() else None


def prepared(recipe: Recipe, root: Path, *, show: Show = lambda *_: None) -> Path:
    """The recipe's frames as arrays; recipes with the same data and elements share them."""
    settings = recipe.model_dump(mode="json", include={"data", "elements"})
    folder = root / f"data-{hashlib.sha256(json_text(settings).encode()).hexdigest()[:12]}"
    archive = folder / "frames.npz"
    if not archive.exists():
        write_text(folder / "data.json", json_text(settings))
        save(frames(recipe, folder / "labels", show=show), archive)
    return archive


def begin(recipe: Recipe, folder: Path) -> None:
    """Store the recipe in its folder. Raises RecipeError when another one is there."""
    text = json_text(recipe.numbers)
    stored = folder / "recipe.json"
    if stored.exists() and stored.read_text(encoding="utf-8") != text:
        raise RecipeError(f"{folder} was begun with another recipe. Remove it, or give another folder.")
    write_text(stored, text)


def ship(made: Trained) -> list[Path]:
    """Copy log and errors to the recipe and the weights to the package, in a checkout; the paths written.

    A checkpoint without a card gets one; a card that is there is a person's, and stays.
    """
    beside = recipes.FOLDER / made.name
    copies = {
        made.log: beside / "log.jsonl",
        made.held_out: beside / "held-out.json",
        made.weights: WEIGHTS / f"{made.name}.safetensors",
        made.config: WEIGHTS / f"{made.name}.json",
    }
    for source, target in copies.items():
        write_bytes(target, source.read_bytes())
    path = CARDS / f"{made.name}.md"
    if path.exists():
        return list(copies.values())
    recipe = recipes.load(made.name)
    write_text(path, card.text(recipe, made, parameters=None, canary=None))
    parameters, canary = card.measure(made.name)
    write_text(path, card.text(recipe, made, parameters=parameters, canary=canary))
    return [*copies.values(), path]


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    try:
        with FileLock(folder / "lock", blocking=False):
            yield
    except Timeout:
        raise RunLocked(f"another process is training in {folder}") from None


def _trained(name: str, root: Path) -> Trained:
    folder = root / name
    return Trained(
        name=name,
        weights=folder / "safetensors" / "model.safetensors",
        config=folder / "safetensors" / "config.json",
        held_out=folder / "held-out.json",
        log=folder / "log.jsonl",
    )


def _fit(
    recipe: Recipe, python: Path, archive: Path, folder: Path, *, device: str, seconds: float | None, show: Show
) -> None:
    """Run fit.py in the family's environment, and show its steps. Raises Unfinished when the time was up before."""
    limit = [] if seconds is None else ["--seconds", str(seconds)]
    step = 0
    show("reading the frames", 0, recipe.steps)
    with subprocess.Popen(
        [python, "-I", FIT, archive, folder, "--device", device, *limit], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            told = json.loads(line)
            step = told["step"]
            show(_summary(told.get("validation", {})), step, recipe.steps)
    if process.returncode:
        raise EvaluationFault(f"the training in {folder} ended with exit code {process.returncode}; run it again")
    if not (folder / "upstream").exists():
        raise Unfinished(
            f"the time was up after {step:,} of {recipe.steps:,} steps; the same command goes on in {folder}"
        )


def _summary(errors: dict[str, float]) -> str:
    """The validation errors in a few words; empty when there are none."""
    units = {"energy": "meV/atom", "forces": "meV/Å", "direct_forces": "meV/Å direct"}
    return ", ".join(f"{errors[name]:.0f} {unit}" for name, unit in units.items() if name in errors)


def _without_pickle(name: str, recipe: Recipe, folder: Path) -> Conversion:
    """The trained checkpoint as safetensors, compared with what it was made from."""
    upstream = folder / "upstream"
    file = PinnedFile(sha256=sha256(upstream), bytes=upstream.stat().st_size)
    cache.store(upstream, file)
    network = NETWORKS[recipe.network]
    described = Card(
        name=name,
        title=f"{name}, as it comes from training",
        family=recipe.network,
        elements=recipe.elements,
        training_sets=tuple(recipe.data.sources),
        forces=network.forces,
        code=network.code,
        checkpoint=Checkpoint(upstream=file, upstream_format="torch-pickle"),
    )
    return convert(described, folder / "safetensors")
