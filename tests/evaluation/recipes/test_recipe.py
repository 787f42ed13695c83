"""Recipes: strict, and alike but for what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.errors import RecipeError, UnknownRecipe
from evaluation.recipes import recipe
from evaluation.recipes.recipe import Recipe

SERIES = [name for name in recipe.names() if name not in ("pet-tiny", "pet-small", "pet-medium")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of recipes that has `pet-n` already."""
    text = (recipe.FOLDER / "pet-n" / "recipe.yaml").read_text(encoding="utf-8")
    monkeypatch.setattr(recipe, "FOLDER", tmp_path)
    _write(tmp_path, "pet-n", text)
    recipe.load.cache_clear()
    return tmp_path


def test_the_series_learns_from_the_same_frames() -> None:
    assert len({recipe.load(name).model_dump_json(include={"data", "elements"}) for name in SERIES}) == 1


@pytest.mark.parametrize("name", ["pet-n64", "pet-n16", "pet-n4"])
def test_the_series_differs_in_one_thing(name: str) -> None:
    base, made = recipe.load("pet-n").numbers, recipe.load(name).numbers
    assert made["training"].pop("one_in") > base["training"].pop("one_in")
    assert made == base


def test_the_siblings_learn_as_long_as_the_networks_that_they_are_compared_with() -> None:
    for sibling, other in (("sevennet-n", "pet-n"), ("sevennet-n16", "pet-n16")):
        a, b = recipe.load(sibling), recipe.load(other)
        same = ("one_in", "atoms_per_batch", "learning_rate", "augmentation")
        assert a.steps == b.steps
        assert [getattr(a.training, name) for name in same] == [getattr(b.training, name) for name in same]


def test_the_queue_has_every_recipe_once() -> None:
    assert sorted(recipe.in_order()) == recipe.names()
    assert recipe.in_order()[:5] == ["pet-tiny", "pet-n64", "pet-n16", "pet-n4", "pet-n"]


def test_like_keeps_what_is_not_said(folder: Path) -> None:
    _write(folder, "other", "like: pet-n\nseed: 7\ntraining:\n  one_in: 5\n")
    base, other = recipe.load("pet-n"), recipe.load("other")
    assert (other.seed, other.training.one_in) == (7, 5)
    assert other.training.phases == base.training.phases
    assert other.model == base.model


def test_a_model_is_replaced_whole(folder: Path) -> None:
    _write(folder, "other", "like: pet-n\nnetwork: sevennet\nmodel:\n  cutoff: 5.0\n")
    assert recipe.load("other").model == {"cutoff": 5.0}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("like: pet-n\nlearning: fast\n", r"other/recipe.yaml: learning"),
        ("like: pet-n\ntraining:\n  one_in: many\n", r"training.one_in"),
        ("like: other\n", r"circle: other → other"),
        ("like: pet-n\ndata:\n  reserved: false\n", r"set reserved"),
    ],
)
def test_what_a_recipe_may_not_say(folder: Path, text: str, told: str) -> None:
    _write(folder, "other", text)
    with pytest.raises(RecipeError, match=told):
        recipe.load("other")


def test_a_misspelt_name_is_answered_with_the_right_one() -> None:
    with pytest.raises(UnknownRecipe, match="Did you mean 'pet-tiny'"):
        recipe.load("pet-tini")


def test_steps_are_the_last_phases_end() -> None:
    made: Recipe = recipe.load("pet-tiny")
    assert made.steps == 32000


def _write(folder: Path, name: str, text: str) -> None:
    (folder / name).mkdir()
    (folder / name / "recipe.yaml").write_text(text, encoding="utf-8")
