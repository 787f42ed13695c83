"""What a pull request may change, and what of it is taken into another checkout."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests import toy
from zoo.cards.card import Card
from zoo.cards.succession import current, successors
from zoo.command import app
from zoo.errors import CardError
from zoo.submission.changes import cards_of, cards_of_adapters, misplaced, written_by_machines
from zoo.submission.taking import take


def test_what_machines_write_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "paths").write_text("model_cards/a.md\nleaderboard/results/eos/a@conservative.json\n")
    done = CliRunner().invoke(app(), ["submit", "changes", str(tmp_path / "paths")])
    assert (done.exit_code, "leaderboard/results/eos/a@conservative.json" in done.output) == (1, True)
    assert written_by_machines(["model_cards/checked/a.json", "README.md"]) == ["model_cards/checked/a.json"]


def test_changed_cards_are_named() -> None:
    paths = ["model_cards/b-1.0.md", "model_cards/canaries/a.json", "model_cards/canaries/a.py", "zoo/adapters/x.py"]
    assert cards_of(paths) == ["a", "b-1.0"]
    assert cards_of(["model_cards/../x.md", "model_cards/-x.md", "model_cards/checked/a.json"]) == []


def test_what_no_lane_would_look_at_is_told() -> None:
    odd = ["model_cards/A.md", "model_cards/a.html", "model_cards/canaries/a.sh", '"model_cards/\\321\\203.md"']
    assert misplaced(["model_cards/a.md", "model_cards/canaries/a.py", "README.md", *odd]) == sorted(odd)


def test_a_changed_adapter_is_checked_by_its_smallest_card() -> None:
    cards = [toy.card("a"), toy.card("b").model_copy(update={"parameters": None}), toy.card("c")]
    small = toy.card("d").model_copy(update={"family": "other", "parameters": 3})
    large = small.model_copy(update={"name": "e", "parameters": 5})
    paths = ["zoo/adapters/toy.py", "zoo/adapters/other.py", "zoo/adapters/__init__.py", "zoo/adapters/x/toy.py"]
    assert cards_of_adapters(paths, [*cards, large, small]) == ["a", "d"]
    assert cards_of_adapters(paths[2:], cards) == []


def test_cards_and_adapters_are_taken_and_nothing_else(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    wanted = ["model_cards/a.md", "model_cards/canaries/a.py", "zoo/adapters/a.py"]
    others = ["zoo/cli.py", "zoo/adapters/__init__.py", "model_cards/checked/a.json", "../x", "model_cards/b/a.md"]
    for path in (*wanted, *others[:3]):
        (there / path).parent.mkdir(parents=True, exist_ok=True)
        (there / path).write_text(path)
    assert take(there, [*wanted, *others, "model_cards/gone.md"], into=here) == [here / path for path in wanted]
    assert sorted(str(path.relative_to(here)) for path in here.rglob("*") if path.is_file()) == wanted


@pytest.mark.parametrize("link", ["model_cards/a.md", "model_cards"])
def test_links_are_not_taken(tmp_path: Path, link: str) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "a.md").write_text("secret")
    place = tmp_path / "there" / link
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "secret" / ("a.md" if link.endswith(".md") else ""))
    with pytest.raises(CardError, match="symbolic link"):
        take(tmp_path / "there", ["model_cards/a.md"], into=tmp_path / "here")


def chain(*pairs: tuple[str, str | None]) -> list[Card]:
    return [toy.card(name).model_copy(update={"superseded_by": following}) for name, following in pairs]


def test_a_chain_of_successors_is_followed() -> None:
    cards = chain(("a", "b"), ("b", "c"), ("c", None))
    assert successors(cards[0], cards) == ("b", "c")
    assert successors(cards[2], cards) == ()
    assert [card.name for card in current(cards)] == ["c"]


@pytest.mark.parametrize("pairs", [[("a", "b")], [("a", "a")], [("a", "b"), ("b", "c"), ("c", "b")]])
def test_a_gap_or_a_circle_is_told(pairs: list[tuple[str, str | None]]) -> None:
    cards = chain(*pairs)
    with pytest.raises(CardError, match="superseded_by"):
        successors(cards[0], cards)
