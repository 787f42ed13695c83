"""What is owed: new tasks, protocols, checkpoints and modes; nothing of models that are no longer current."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.submission.owed import Owed, owed
from tests.leaderboard.specimens import MODELS, write_card, write_result
from zoo.cards import index
from zoo.cards.card import Card, Withdrawn

NAME = "chgnet-0.3.0"


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "cards").mkdir()
    for name in (NAME, "sevennet-0"):
        write_card(tmp_path / "cards", name, MODELS[name])
    write_result(tmp_path / "results", NAME, MODELS[NAME])
    monkeypatch.setenv("MLIP_ZOO_CARDS", str(tmp_path / "cards"))
    return tmp_path / "results"


def card(name: str = NAME, **changes: object) -> Card:
    return index.card(name).model_copy(update=changes)


def whys(found: list[Owed]) -> list[str]:
    return [each.why for each in found]


def test_today_s_result_is_owed_by_nobody(results: Path) -> None:
    assert owed([card()], results) == []


def test_a_model_and_a_mode_that_never_ran_are_owed(results: Path) -> None:
    (never,) = owed([card("sevennet-0")], results)
    assert (never.entry, never.task, never.why) == ("sevennet-0@conservative", "eos", "this model never ran")
    (mode,) = owed([card(forces=("conservative", "direct"))], results)
    assert (mode.entry, mode.why) == (f"{NAME}@direct", "this mode never ran")


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ("protocol_sha256", "protocol was version 1"),
        ("dataset_sha256", "another dataset"),
        ("checkpoint_sha256", "another checkpoint"),
    ],
)
def test_a_result_of_other_conditions_is_owed_again(results: Path, field: str, why: str) -> None:
    (path,) = results.glob("eos/*.json")
    data = json.loads(path.read_text())
    data["run"][field] = "f" * 64
    path.write_text(json.dumps(data))
    assert whys(owed([card()], results)) == [why]


def test_superseded_withdrawn_and_unpinned_models_owe_nothing(results: Path) -> None:
    gone = Withdrawn(day="2026-11-27", reason="its weights were of another model")
    cards = [card("sevennet-0", superseded_by=NAME), card("sevennet-0", withdrawn=gone)]
    assert owed(cards, results) == []
