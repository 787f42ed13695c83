"""Training sets that cards may name, as training_sets.yaml describes them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, RootModel

from zoo.cards import front_matter
from zoo.cards.fields import Line, Name, WebAddress
from zoo.strict import Finite

Names = Annotated[tuple[Name, ...], Field(max_length=50)]


class TrainingSet(Finite):
    """An entry of training_sets.yaml."""

    model_config = ConfigDict(defer_build=True)

    title: Line
    structures: Annotated[int, Field(gt=0, le=10**12)] | None = None
    theory: Line
    theory_detail: Line
    licence: Line | None = None
    source: WebAddress
    settings: Literal["mp", "matpes"] | None = None
    """Whose DFT settings and pseudopotentials: total energies, and those of the elements, compare only within one.

    `mp`: the Materials Project's PBE and PBE+U, which WBM and Alexandria share. `matpes`: no Hubbard U, and newer
    pseudopotentials. None: others, or no one scale.
    """
    teacher: Name | None = None
    """The card whose model's answers its labels are; None where they are DFT's."""
    datasets: Names = ()
    """Of `evaluation/datasets`, where it was made from them: all of their frames but those that
    `evaluation.reference.holdout` holds out. No frame but those is scored for a model that was trained on it."""


class TrainingSets(RootModel[dict[Name, TrainingSet]]):
    """training_sets.yaml."""


@cache
def training_sets() -> dict[str, TrainingSet]:
    """All training sets that cards may name."""
    return front_matter.read_yaml(Path(__file__).with_name("training_sets.yaml"), TrainingSets).root
