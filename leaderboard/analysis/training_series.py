"""Training series: what a quantity does along one axis of a series of trainings, as a power law."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import UnknownRecipe
from evaluation.metric import RESAMPLES, SEED
from evaluation.recipes import recipe as recipes
from evaluation.recipes.recipe import Recipe
from evaluation.studies.rotational_error_data import RotationalError
from leaderboard.ranking.collect import Entry

Array = NDArray[np.float64]
Axis = Literal["data", "steps", "parameters"]
Choice = Literal["seed", "rotated"]

BASE = "pet-n"
"""The training that every other member changes in one thing."""
NO_ERROR = 1e-6
"""(eV/Å)²: a root mean square error of 1 meV/Å, below what DFT's forces are converged to."""
FEWEST_SAMPLES = 3
"""In common, for an exponent."""


@dataclass(frozen=True)
class Member:
    """A checkpoint of the series and how it was trained."""

    card: str
    network: str
    share: float
    """Of the training frames."""
    steps: int
    parameters: int
    seed: int
    rotated: bool
    """Whether frames were seen under random rotations."""
    cpu_seconds: int | None
    """CPU time of the training, s; None without a log."""

    def at(self, axis: Axis) -> float:
        """Where it stands on an axis."""
        return {"data": self.share, "steps": float(self.steps), "parameters": float(self.parameters)}[axis]


@dataclass(frozen=True)
class Quantity:
    """A figure per sample that one task measures."""

    key: str
    label: str
    unit: str
    task: str
    column: str
    better: Literal["lower", "higher"] = "lower"


QUANTITIES = (
    Quantity("rotation_force", "rotation error of forces", "meV/Å", "constraints", "rotation_force"),
    Quantity("lambda", "λ at the scale of phonons", "", "constraints", "lambda_phonon_scale"),
    Quantity("roughness", "roughness", "", "constraints", "roughness"),
    Quantity("fc_asymmetry", "force-constant asymmetry", "", "phonons", "fc_asymmetry"),
    Quantity("survival", "space groups that survive a relaxation", "", "symmetry", "survival", "higher"),
    Quantity("frequency_mae", "ω MAE", "THz", "phonons", "frequency_mae"),
    Quantity("force_mae", "force MAE, unseen frames", "meV/Å", "forces", "force_mae"),
    Quantity("force_cosine", "cosine of forces, unseen frames", "", "forces", "force_cosine", "higher"),
)
FORCE_ERROR = Quantity("force_rmse", "RMS error of a frame's forces", "meV/Å", "forces", "force_rmse")
FORCE = Quantity("force_rms_ref", "RMS of a frame's forces", "eV/Å", "forces", "force_rms_ref")
"""Of the reference: the error, too, of a model that predicts no forces."""
ERROR = Quantity("force_error", "root mean square force error of a frame, unseen", "eV/Å", "", "error")
SHARE = Quantity("rotational_share", "rotational share of a frame's mean square force error", "", "", "share")


@dataclass(frozen=True)
class Exponent:
    """Of y ∝ x^value (or a factor), with the 95 % interval over resamples of the samples that all have in common."""

    value: float
    low: float
    high: float
    points: int
    samples: int


def members(cards: Mapping[str, int | None]) -> list[Member]:
    """The series among checkpoints (name → parameters): trained on the frames of `BASE`, or a share of them."""
    base = recipes.load(BASE)
    found = []
    for name, parameters in cards.items():
        try:
            recipe = recipes.load(name)
        except UnknownRecipe:
            continue
        if recipe.data == base.data and recipe.elements == base.elements and parameters:
            found.append(_member(name, recipe, parameters))
    return sorted(found, key=lambda m: (m.network, m.parameters, m.share, m.steps, m.card))


def _member(name: str, recipe: Recipe, parameters: int) -> Member:
    training = recipe.training
    return Member(
        card=name,
        network=recipe.network,
        share=1 / training.one_in,
        steps=recipe.steps,
        parameters=parameters,
        seed=recipe.seed,
        rotated=training.augmentation == "rotations",
        cpu_seconds=recipes.cpu_seconds(name),
    )


def along(found: Sequence[Member], axis: Axis, network: str) -> list[Member]:
    """Members of one network that differ from its largest training on that axis alone, in its order."""
    of_network = [member for member in found if member.network == network]
    if not of_network:
        return []
    reference = _reference(of_network)
    rest = [name for name in _FACTORS if name not in ("network", _FIELDS[axis])]
    same = [m for m in of_network if all(getattr(m, name) == getattr(reference, name) for name in rest)]
    return sorted(same, key=lambda member: member.at(axis))


_FACTORS = ("network", "share", "steps", "parameters", "seed", "rotated")
_FIELDS: dict[Axis, str] = {"data": "share", "steps": "steps", "parameters": "parameters"}


def beside(found: Sequence[Member], choice: Choice) -> list[tuple[Member, Member]]:
    """Pairs (training, the same with another choice alone): another seed, or frames as they are."""
    rest = [name for name in _FACTORS if name != choice]
    pairs = []
    for other in found:
        usual = [m for m in found if all(getattr(m, name) == getattr(other, name) for name in rest)]
        of_base = [m for m in usual if (m.seed, m.rotated) == (recipes.load(BASE).seed, True)]
        pairs += [(base, other) for base in of_base if getattr(base, choice) != getattr(other, choice)]
    return pairs


def _reference(of_network: Sequence[Member]) -> Member:
    """`BASE`, or the member of the network that is most like it."""
    base = recipes.load(BASE)

    def likeness(member: Member) -> tuple[bool, bool, bool, bool, int]:
        return (
            member.card == BASE,
            member.steps == base.steps,
            member.share == 1 / base.training.one_in,
            member.rotated and member.seed == base.seed,
            member.parameters,
        )

    return max(of_network, key=likeness)


def figures(entry: Entry, column: str) -> dict[str, float]:
    """Sample → figure, where there is one."""
    return {str(row["sample"]): float(cast(float, row[column])) for row in entry.rows if row.get(column) is not None}


def frame_figures(errors: RotationalError, column: str) -> dict[str, float]:
    """Frame → root mean square force error (eV/Å, `error`), or which part of its square is rotational (`share`).

    Each frame counts alike: squares summed over frames would be those of the few with the largest forces. A frame whose
    error is below NO_ERROR has no share: where symmetry makes all forces zero, an exact model has its rounding alone.
    """
    if column == "error":
        return {frame.sample: math.sqrt(frame.total) for frame in errors.frames}
    return {frame.sample: frame.rotational / frame.total for frame in errors.frames if frame.total > NO_ERROR}


def exponent(x: Sequence[float], values: Sequence[Mapping[str, float]]) -> Exponent | None:
    """Slope of log mean(values) against log x by least squares; None below two points or too few common samples.

    The interval resamples the samples, the same for all points: it says what other samples would change, and nothing
    of other seeds.
    """
    table = _common(values)
    if table is None or len(set(x)) < 2:
        return None
    return _fitted(x, lambda times: times @ table.T / times.sum(axis=1, keepdims=True), table.shape[1])


def factor(usual: Mapping[str, float], other: Mapping[str, float]) -> Exponent | None:
    """Mean of `other` over that of `usual`, with the interval over resamples of their common samples; None as above."""
    found = exponent((1.0, math.e), (usual, other))
    if found is None:
        return None
    return replace(found, value=math.exp(found.value), low=math.exp(found.low), high=math.exp(found.high))


def _fitted(x: Sequence[float], averages: Callable[[Array], Array], n: int) -> Exponent | None:
    """`averages`: from how often each of the n samples counts, (resamples, n), the figures (resamples, points)."""
    drawn = np.random.default_rng(SEED).integers(0, n, size=(RESAMPLES, n))
    times = np.array([np.bincount(row, minlength=n) for row in drawn], dtype=float)
    logs = np.log(np.array(x))
    centred = (logs - logs.mean()) / ((logs - logs.mean()) ** 2).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        here = np.log(averages(np.ones((1, n)))) @ centred
        slopes = np.log(averages(times)) @ centred
    slopes = slopes[np.isfinite(slopes)]
    if not np.isfinite(here).all() or not len(slopes):
        return None
    low, high = np.percentile(slopes, [2.5, 97.5])
    return Exponent(float(here[0]), float(low), float(high), points=len(x), samples=n)


def _common(values: Sequence[Mapping[str, float]]) -> Array | None:
    """(points, samples) over the samples that all have; None where they are too few."""
    if not values:
        return None
    samples = sorted(set.intersection(*(set(found) for found in values)))
    if len(samples) < FEWEST_SAMPLES:
        return None
    return np.array([[found[sample] for sample in samples] for found in values])
