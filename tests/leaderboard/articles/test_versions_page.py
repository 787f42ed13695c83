"""The page about versions: places then and now, each figure by its own definition, and why a place moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from evaluation import task as tasks
from evaluation.metric import Metric
from leaderboard.articles.article import Part
from leaderboard.articles.evidence import gather
from leaderboard.articles.versions_page import article, places
from leaderboard.ranking import board, earlier
from leaderboard.ranking.collect import Collection, collect
from leaderboard.ranking.earlier import Earlier, Figure
from tests.leaderboard.specimens import MODELS, write_card, write_result

MEAN = Metric(name="delta", label="Δ", unit="meV/atom", better="lower", best=0.0, doc="")
TODAY = tasks.load("eos").metrics[0]
Page = Callable[[Sequence[Figure]], list[Part]]


def then(name: str, value: float | None, n: int = 27, theory: str = "PBE") -> Figure:
    return Figure(
        task="eos",
        subset="fast",
        entry=f"{name}@conservative",
        theory=theory,
        protocol_version=1,
        value=value,
        n=n,
    )


def as_today(collection: Collection, name: str) -> Figure:
    """The figure of today, kept as that of then."""
    (found,) = [each for each in collection.entries if each.card.name == name]
    score = found.result.scores["delta"]
    return then(name, score.value, score.n)


@pytest.fixture
def parts(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Part]]:
    """The page's parts for figures of then."""

    def made(figures: Sequence[Figure], headline: Metric = MEAN, shown: Collection = collection) -> list[Part]:
        monkeypatch.setattr(earlier, "read", lambda: Earlier(headlines={"eos": headline}, figures=tuple(figures)))
        return list(article(gather(shown)[0]).parts)

    return made


def rows(part: Part) -> dict[str, Sequence[str]]:
    assert part.table is not None
    return {row[0].partition("@")[0]: row[1:] for row in part.table.rows}


def test_places_then_follow_the_figures_and_nothing_has_none() -> None:
    found = [then("a", 2.0), then("b", 1.0), then("c", None), then("d", 2.0)]
    assert places(found, MEAN) == {"a@conservative": 2, "b@conservative": 1, "d@conservative": 2}
    assert places(found, MEAN.model_copy(update={"better": "higher"}))["b@conservative"] == 3


def test_each_figure_has_the_label_of_its_own_definition(parts: Callable[..., list[Part]]) -> None:
    (part,) = parts([then("chgnet-0.3.0", 1.0), then("sevennet-0", 2.0)])
    assert part.table is not None
    assert part.table.columns[2] == "then: Δ, mean, meV/atom"
    assert part.table.columns[4] == "now: Δ, median, meV/atom"
    assert part.sentences[0].startswith("Then ranked by Δ, mean, meV/atom; now by Δ, median, meV/atom.")


def test_a_table_has_both_places_and_names_who_moved(parts: Callable[..., list[Part]]) -> None:
    (part,) = parts([then("chgnet-0.3.0", 1.0), then("gone", 3.0), then("sevennet-0", 2.0)])
    found = rows(part)
    assert [found[name][0] for name in ("chgnet-0.3.0", "sevennet-0", "gone")] == ["1", "2", "3"]
    assert [found[name][2] for name in ("chgnet-0.3.0", "sevennet-0")] == ["2", "1"]
    assert found["gone"][2:] == ["–", "–", "left: no result today"]
    assert part.sentences[1] == (
        "Of 2 entries with a place in both versions, 2 moved: chgnet-0.3.0@conservative, sevennet-0@conservative."
    )


def test_an_own_value_and_those_of_others_are_told_apart(
    collection: Collection, parts: Callable[..., list[Part]]
) -> None:
    (part,) = parts([as_today(collection, "sevennet-0"), then("chgnet-0.3.0", 0.1)], TODAY)
    found = rows(part)
    assert found["sevennet-0"][-1] == "others' values changed: chgnet-0.3.0@conservative"
    assert found["chgnet-0.3.0"][-1] == "its own value changed"


def test_who_moved_because_others_left_did_not_change(collection: Collection, parts: Callable[..., list[Part]]) -> None:
    figures = [as_today(collection, name) for name in ("sevennet-0", "chgnet-0.3.0")]
    (part,) = parts([*figures, then("gone", 0.1)], TODAY)
    found = rows(part)
    assert [found[name][-1] for name in ("sevennet-0", "chgnet-0.3.0")] == ["left: gone@conservative"] * 2


def test_who_moved_because_another_joined_did_not_change(
    results: Path, cards: Path, parts: Callable[..., list[Part]], collection: Collection
) -> None:
    figures = [as_today(collection, name) for name in ("sevennet-0", "chgnet-0.3.0")]
    best = replace(MODELS["sevennet-0"], title="Best", v0=0.0001, b0=0.001)
    write_card(cards, "best", best)
    write_result(results, "best", best)
    (part,) = parts(figures, TODAY, collect([results]))
    assert {row[-1] for row in rows(part).values()} == {"joined: best@conservative"}
    assert part.sentences[1].endswith(" Joined since: best@conservative.")


def test_without_a_place_in_one_version_nothing_is_said_to_have_stayed(
    parts: Callable[..., list[Part]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (part,) = parts([then("chgnet-0.3.0", None), then("sevennet-0", None)])
    assert part.sentences[1].startswith("No entry has a place then: there is nothing to compare.")
    (part,) = parts([then("gone", 1.0)])
    assert part.sentences[1].startswith("No entry has a place in both versions: there is nothing to compare.")
    monkeypatch.setattr(board, "MIN_ENTRIES", 3)
    (part,) = parts([then("chgnet-0.3.0", 1.0), then("sevennet-0", 2.0)])
    assert part.sentences[1] == "No entry has a place now: there is nothing to compare."
    assert rows(part)["sevennet-0"][-1] == "left: a rank takes 3 entries"
    assert "none moved" not in str(part.sentences)


def test_levels_of_theory_are_apart(parts: Callable[..., list[Part]]) -> None:
    pbe, r2scan = parts(
        [then("chgnet-r2scan", 0.1, theory="r2SCAN"), then("chgnet-0.3.0", 1.0), then("sevennet-0", 2.0)]
    )
    assert set(rows(pbe)) == {"chgnet-0.3.0", "sevennet-0"}
    assert rows(pbe)["chgnet-0.3.0"][0] == "1"
    assert set(rows(r2scan)) == {"chgnet-r2scan"}
    assert r2scan.title.endswith("r2SCAN")


def test_kept_figures_are_the_headlines_of_a_folder(results: Path) -> None:
    found = earlier.collect(results, {"eos": TODAY})
    assert found.headlines == {"eos": TODAY}
    entries = [each.entry for each in found.figures]
    assert len(set(entries)) == len(entries) == len(list(results.glob("eos/*.json")))
    assert {each.theory for each in found.figures} == {"PBE", "r2SCAN"}


def test_the_definitions_are_those_of_the_checkout_itself() -> None:
    found = earlier.headlines(Path(__file__).parents[3])
    assert found == {name: tasks.load(name).metrics[0] for name in tasks.names()}


def test_the_committed_figures_have_the_definitions_of_then() -> None:
    found = earlier.read()
    assert {each.task for each in found.figures} == set(found.headlines)
    assert {found.headlines[task].average for task in ("eos", "elasticity")} == {"mean"}
    assert found.headlines["constraints"].name == "lambda"
    assert "median" not in found.headlines["eos"].label
