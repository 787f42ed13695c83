"""Recipe: everything that a checkpoint of ours follows from; `checkpoints/<name>/recipe.yaml` has the numbers.

A recipe may say `like: NAME` and then only what it changes; of `data` and `training` that is single keys.
"""

from __future__ import annotations

import difflib
import json
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from evaluation.errors import RecipeError, UnknownRecipe
from zoo.cards.front_matter import explain, read_yaml
from zoo.strict import Strict

FOLDER = Path(__file__).with_name("checkpoints")

MERGED = ("data", "training")

Target = Literal["energy", "forces", "stress", "direct_forces", "direct_stress"]


class Source(Strict):
    """Files of a dataset, and which share of their frames is taken."""

    files: tuple[str, ...]
    every: int
    """One frame in so many is taken, chosen by hash."""


class PlusU(Strict):
    """What the databases compute with a Hubbard U."""

    metals: tuple[str, ...]
    anions: tuple[str, ...]


class Teacher(Strict):
    """A potential whose answers are labels, and how many structures it is asked about. See `structures`."""

    entry: str
    """Name of a model of the zoo."""
    seed: int
    compounds: int
    """Ordered compounds of the prototypes, each at several volumes."""
    strained: int
    """Strained and rattled cells of each compound."""
    displaced: int
    """Supercells of each compound with one displaced atom."""
    alexandria: int
    """Alexandria crystals, strained and rattled."""


class Data(Strict):
    """Which frames a training learns from."""

    sources: dict[str, Source]
    plus_u: PlusU
    """Compounds of these metals with these anions are left out."""
    largest_force: float
    """eV/Å; frames with a larger component are left out."""
    largest_stress: float
    """eV/Å³; likewise."""
    reserved: bool
    """Whether structures of the evaluations are held out by formula as well. See `reserved`."""
    teacher: Teacher | None

    @model_validator(mode="after")
    def _teacher_holds_out(self) -> Data:
        if self.teacher and not self.reserved:
            raise ValueError("a teacher's structures are made where the evaluations hold theirs out: set reserved")
        return self


class Phase(Strict):
    """A part of the training, up to a step."""

    until: int
    """The step at which it ends."""
    targets: tuple[Target, ...]
    forces_above: float
    """eV/Å; frames whose largest force component is smaller are not learned from."""
    huber: float
    """Threshold of the Huber loss: eV/Å for forces, eV for energy and stress × volume per atom."""


class Training(Strict):
    """How the weights are found: AdamW, warm-up and cosine decay, an exponential moving average of the weights."""

    phases: tuple[Phase, ...]
    augmentation: Literal["rotations", "none"]
    """Whether each frame is seen under a random element of O(3)."""
    one_in: int
    """The training frames are thinned to one in so many; a smaller set is part of each larger one."""
    weights: dict[Target, float]
    """Of each target's loss."""
    atoms_per_batch: int
    learning_rate: float
    warmup: int
    """Steps."""
    gradient_norm: float
    """Gradients are clipped to it."""
    averaging: float
    """Decay of the exponential moving average, per step."""
    report_every: int
    """Steps between two lines of the log."""


class Recipe(Strict):
    """The numbers behind one checkpoint."""

    title: str
    """Of its card."""
    about: str
    """First paragraph of its card."""
    network: Literal["pet", "sevennet"]
    """A file of `networks`, and the family of the zoo whose environment it runs in."""
    place: int
    """In `mlip-zoo train --all`, which goes from the smallest to the largest."""
    seed: int
    """Of the initial weights, the batches and the rotations."""
    elements: tuple[str, ...]
    data: Data
    model: dict[str, int | float | bool | str]
    """Hyperparameters of the network, by its authors' names."""
    training: Training

    @property
    def numbers(self) -> dict[str, Any]:
        """All that the checkpoint follows from, as JSON."""
        return self.model_dump(mode="json", exclude={"title", "about", "place"})

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return self.training.phases[-1].until


class _Written(BaseModel):
    """A recipe as its file has it, before what it is `like` is filled in."""

    model_config = ConfigDict(extra="allow")

    like: str | None = None


def names() -> list[str]:
    """Names of all recipes: the folders in `checkpoints`."""
    return sorted(path.parent.name for path in FOLDER.glob("*/recipe.yaml"))


def in_order() -> list[str]:
    """Names of all recipes in the order in which `mlip-zoo train --all` runs them."""
    return sorted(names(), key=lambda name: (load(name).place, name))


@cache
def load(name: str) -> Recipe:
    """The recipe of that name. Raises UnknownRecipe with close matches, and RecipeError naming file and field."""
    written = _written(name, ())
    try:
        return Recipe.model_validate_json(json.dumps(written), strict=True)
    except ValidationError as error:
        raise RecipeError(explain(error, name=f"{name}/recipe.yaml")) from None


def cpu_seconds(name: str) -> int | None:
    """CPU time that its training took, s, by its log; None where it has none."""
    log = FOLDER / name / "log.jsonl"
    if not log.is_file():
        return None
    found: int = json.loads(log.read_text(encoding="utf-8").splitlines()[-1])["cpu_seconds"]
    return found


def _written(name: str, children: tuple[str, ...]) -> dict[str, Any]:
    if name not in names():
        close = difflib.get_close_matches(name, names(), n=2, cutoff=0.4)
        meant = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise UnknownRecipe(f"no recipe named {name!r}.{meant} There are: {', '.join(names())}.")
    if name in children:
        raise RecipeError(f"recipes are like each other in a circle: {' → '.join((*children, name))}")
    read = read_yaml(FOLDER / name / "recipe.yaml", _Written)
    above = read.model_dump(mode="json", exclude={"like"})
    if read.like is None:
        return above
    below = _written(read.like, (*children, name))
    merged = {key: {**below[key], **above[key]} for key in MERGED if key in below and key in above}
    return below | above | merged
