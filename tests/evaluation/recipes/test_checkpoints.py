"""The checkpoints that ship: what recipe, log and card say is what was done."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import zoo
from evaluation.recipes import recipe
from zoo.adapters import families
from zoo.cards.index import names

SHIPPED = [name for name in recipe.names() if name in names()]
WEIGHTS = Path(zoo.__file__).with_name("weights")


@pytest.mark.parametrize("name", SHIPPED)
def test_the_card_shows_the_errors_that_were_measured(name: str) -> None:
    measured = json.loads((recipe.FOLDER / name / "held-out.json").read_text(encoding="utf-8"))
    rows = re.findall(r"^\| .+? \| (\d+) \|(.+)\|$", zoo.get_card(name).prose, re.MULTILINE)
    columns = [column for column in ("energy", "forces", "direct_forces") if column in next(iter(measured.values()))]
    expected = sorted(
        (str(part["frames"]), *(f"{part[column]:.0f}" for column in columns)) for part in measured.values()
    )
    assert sorted((frames, *(cell.strip() for cell in rest.split("|"))) for frames, rest in rows) == expected


@pytest.mark.parametrize("name", SHIPPED)
def test_the_card_has_the_recipes_numbers(name: str) -> None:
    card, made = zoo.get_card(name), recipe.load(name)
    assert card.family == made.network
    assert set(card.elements or ()) == set(made.elements)
    assert card.cutoff == made.model["cutoff"]
    assert card.trained_datasets >= set(made.data.sources)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_log_is_of_the_whole_training(name: str) -> None:
    made = recipe.load(name)
    lines = [json.loads(line) for line in (recipe.FOLDER / name / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    every = made.training.report_every
    assert [line["step"] for line in lines] == list(range(every, made.steps + 1, every))


def log(name: str) -> list[dict[str, float]]:
    text = (recipe.FOLDER / name / "log.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_steps_that_a_card_tells_are_the_recipes(name: str) -> None:
    told = re.findall(r"Trained from scratch by this project, ([\d,]+) steps", zoo.get_card(name).prose)
    assert told == ([f"{recipe.load(name).steps:,}"] if name != "pet-tiny" else [])


def test_the_time_that_a_card_tells_is_the_logs() -> None:
    minutes = f"{log('pet-tiny')[-1]['cpu_seconds'] / 60:.0f} minutes"
    assert minutes in zoo.get_card("pet-tiny").prose


def test_two_checkpoints_of_one_name_differ_as_the_card_tells() -> None:
    ours, other = (zoo.get_card(name).canary for name in ("sevennet-0-22may2024", "sevennet-0"))
    assert ours
    assert other
    assert ours.pressure_gpa is not None
    assert other.pressure_gpa is not None
    change = abs(ours.pressure_gpa / other.pressure_gpa - 1)
    assert f"{change:.0%}".replace("%", " %") in zoo.get_card("sevennet-0-22may2024").prose


def test_what_ships_is_small() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 14_000_000
    assert max(path.stat().st_size for path in WEIGHTS.iterdir()) <= 3_000_000


@pytest.mark.parametrize("name", recipe.names())
def test_every_network_is_a_family_of_the_zoo(name: str) -> None:
    assert recipe.load(name).network in families()
