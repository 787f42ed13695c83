"""The page about versions: places then and now, from the kept figures and today's board."""

from __future__ import annotations

from pathlib import Path

import pytest

from leaderboard.articles.evidence import gather
from leaderboard.articles.versions_page import article, places
from leaderboard.ranking import earlier
from leaderboard.ranking.collect import Collection
from leaderboard.ranking.earlier import Earlier


def then(name: str, value: float | None) -> Earlier:
    return Earlier(
        task="eos", subset="fast", entry=f"{name}@conservative", protocol_version=1, metric="delta", value=value, n=27
    )


def test_places_then_follow_the_figures_and_nothing_has_none() -> None:
    found = [then("a", 2.0), then("b", 1.0), then("c", None), then("d", 2.0)]
    assert places(found) == {"a@conservative": 2, "b@conservative": 1, "d@conservative": 2}


def test_a_table_has_both_places_and_names_who_moved(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        earlier, "read", lambda: [then("chgnet-0.3.0", 1.0), then("gone", 3.0), then("sevennet-0", 2.0)]
    )
    (part,) = article(gather(collection)[0]).parts
    assert part.table is not None
    rows = {row[0]: row[1:] for row in part.table.rows}
    assert [rows[f"{name}@conservative"][0] for name in ("chgnet-0.3.0", "sevennet-0", "gone")] == ["1", "2", "3"]
    assert [rows[f"{name}@conservative"][2] for name in ("chgnet-0.3.0", "sevennet-0")] == ["2", "1"]
    assert rows["gone@conservative"][2:] == ["–", "–", "no result"]
    assert part.sentences[1] == "Places that moved: chgnet-0.3.0@conservative, sevennet-0@conservative."


def test_kept_figures_are_the_headlines_of_a_folder(results: Path) -> None:
    found = earlier.collect(results)
    assert {each.metric for each in found} == {"delta"}
    assert len({each.entry for each in found}) == len(found) == len(list(results.glob("eos/*.json")))


def test_the_committed_figures_can_be_read() -> None:
    assert {each.task for each in earlier.read()} >= {"constraints", "eos", "relaxation"}
