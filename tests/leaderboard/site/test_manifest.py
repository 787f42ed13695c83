"""A second build makes what changed and takes over the rest, and takes nothing from a site that somebody touched."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from leaderboard.ranking.collect import collect
from leaderboard.site import manifest
from leaderboard.site.build import build, is_current
from leaderboard.site.inputs import everything
from leaderboard.site.manifest import Files
from tests.leaderboard.specimens import MODELS, write_card

DAY = date(2026, 1, 3)
GROUPS = {*(f"models/{name}" for name in MODELS), "tasks/eos", "vega"}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """Groups of pages that each build made anew, filled by the builds."""
    builds: list[set[str]] = []
    manifest_of = Files.manifest

    def noted(self: Files, inputs: str | None) -> str:
        builds.append(set(self.made))
        return manifest_of(self, inputs)

    monkeypatch.setattr(Files, "manifest", noted)
    return builds


def once(results: Path, out: Path) -> None:
    inputs = everything([results], day=DAY)
    build(collect([results]), out, day=DAY, inputs=inputs)


def site(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_a_second_build_makes_what_changed(results: Path, cards: Path, tmp_path: Path, made: list[set[str]]) -> None:
    out = tmp_path / "site"
    once(results, out)
    first = site(out)
    once(results, out)
    assert made == [GROUPS, set()]
    assert site(out) == first

    # a result that changes is on a board with all others; the bundle of scripts is not made from it
    path = results / "eos" / "chgnet-r2scan@conservative.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    told["run"]["finished"] = "2026-01-02T04:00:00Z"
    path.write_text(json.dumps(told), encoding="utf-8")
    write_card(cards, "other", replace(MODELS["sevennet-0"], title="Other"))
    once(results, out)
    assert made[-1] == {*GROUPS, "models/other"} - {"vega"}

    fresh = tmp_path / "fresh"
    once(results, fresh)
    assert site(fresh) == site(out)


def test_nothing_is_taken_from_a_page_that_somebody_changed(
    results: Path, tmp_path: Path, made: list[set[str]]
) -> None:
    out = tmp_path / "site"
    once(results, out)
    before = site(out)
    (out / "tasks" / "eos.html").write_text("mine", encoding="utf-8")
    (out / "results" / "eos-fast-sevennet-0@conservative.js").unlink()
    once(results, out)
    assert made[-1] == {"tasks/eos", "models/sevennet-0"}
    assert site(out) == before


def test_a_site_is_current_until_an_input_or_a_file_of_it_changes(results: Path, cards: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"

    def current() -> bool:
        return is_current(out, everything([results], day=DAY))

    assert not current()
    once(results, out)
    assert current()
    assert not is_current(out, everything([results], day=date(2026, 1, 4)))
    page = out / "index.html"
    text = page.read_bytes()
    page.write_bytes(text + b" ")
    assert not current()
    page.write_bytes(text)
    (out / "left-over.html").touch()
    assert not current()
    (out / "left-over.html").unlink()
    assert current()
    write_card(cards, "other", MODELS["chgnet-0.3.0"])
    assert not current()


def test_what_changed_during_a_build_is_made_again(results: Path, tmp_path: Path) -> None:
    """The hash of the inputs from before is another one than after: the next build takes over nothing."""
    out = tmp_path / "site"
    build(collect([results]), out, day=DAY, inputs="0" * 64)
    told = json.loads((out / manifest.NAME).read_bytes())
    assert (told["inputs"], told["groups"]) == (None, {})
    assert str(tmp_path) not in (out / manifest.NAME).read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["", "Made by 'mlip-zoo site build'", "[]", '{"files": 1, "groups": {}}'])
def test_a_manifest_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / manifest.NAME).write_text(text, encoding="utf-8")
    assert manifest.former(tmp_path).group("vega", "0" * 64) is None
    assert not is_current(tmp_path, "0" * 64)
