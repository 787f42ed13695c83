"""Hostile submissions through the lanes: each is stopped with a reason, and nothing of it reaches main or the site.

An honest model of the same family goes the same way first and is published, so that a lane that stops everything fails.
"""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from leaderboard.ranking import board
from tests.leaderboard.site.test_build import Page, assert_inert
from tests.leaderboard.specimens import MODELS, write_result
from tests.leaderboard.submission.hostile import HOSTILE, MARKER, Stage
from tests.leaderboard.submission.lanes import DEPTHS, Lanes, tree
from tests.zoo.sandbox.test_sandbox import SECRET, alive
from zoo.checks import canary, chemistry, claims, contract, suite
from zoo.runtime.environment import Environment
from zoo.sandbox import launch

CHECKS = (contract.shapes, contract.finite, claims.cutoff, claims.parameters, claims.elements, chemistry.chemistry)
"""And the canary. The others take seconds, and have tests of their own."""
_ensure = Environment.ensure


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A main branch with three published models, onto which an honest fourth one comes."""
    folder = tmp_path_factory.mktemp("lanes")
    (folder / "token").write_text(SECRET)
    with pytest.MonkeyPatch.context() as patch, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.setblocking(False)
        patch.setattr(board, "MIN_ENTRIES", 2)
        patch.setattr(suite, "CHECKS", (*CHECKS, canary.canary))
        patch.setattr(launch, "SCRATCH_BYTES", 8 << 20)
        patch.setenv("MLIP_ZOO_CACHE", str(folder / "cache"))
        patch.setenv("HF_TOKEN", SECRET)
        patch.setattr(Environment, "ensure", _real_or_this)
        patch.setattr(Environment, "python", property(lambda _: Path(sys.executable)))
        made = Stage(Lanes(folder, patch), folder, listening.getsockname()[1])
        # conversion and tasks take workers of their own: the rehearsal and their own tests have them
        patch.setattr("evaluation.submission.check.look_at_tensors", lambda *_, **__: None)
        patch.setattr("evaluation.submission.check.canaries", lambda *_, **__: [])
        fork = made.lanes.fork("honest")
        made.card(fork, "ions-1", title="Ions (1)", depths=DEPTHS)
        assert made.lanes.stopped(fork) is None
        assert made.lanes.evaluated(fork) is None
        yield made
        with pytest.raises(BlockingIOError):
            listening.accept()
        assert alive(MARKER) == []
        assert not (folder / "written").exists()


def _real_or_this(self: Environment, **options: object) -> None:
    """This interpreter stands for every environment but that of a package that would have to be built."""
    if any("evil" in each for each in self.dependencies):
        _ensure(self)


LABELLED = ("writes", "leaves a child", "forks a hundred", "another version of the library")
"""Of those that have to be loaded to be stopped: they are labelled by mistake as well. All others are."""


@pytest.mark.parametrize("kind", HOSTILE)
def test_it_is_stopped_with_a_reason(stage: Stage, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, lane, reason = HOSTILE[kind]
    lanes, before = stage.lanes, tree(stage.lanes.main)
    fork = lanes.fork(f"fork-{list(HOSTILE).index(kind)}")
    monkeypatch.setenv("UV_FIND_LINKS", str(stage.folder / "shelf"))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    make(stage, fork)
    stop = lanes.stopped(fork)
    assert stop is not None
    assert (stop.lane, bool(re.search(reason, stop.told))) == (lane, True), stop
    if lane == "check" or kind in LABELLED:
        assert lanes.evaluated(fork) is not None
    assert SECRET not in stop.told + lanes.report
    assert tree(lanes.main) == before


def test_the_site_is_of_the_honest_model_alone(stage: Stage) -> None:
    site = stage.folder / "site"
    code, told = stage.lanes.run(stage.lanes.main, "site", "build", "--results", "leaderboard/results", "--out", site)
    assert code == 0, told
    files = tree(site)
    assert b"Ions (1)" in files["models.html"]
    assert {"models/ions-1.html", *(f"models/{name}.html" for name in MODELS)} == {
        name for name in files if name.startswith("models/")
    }
    theirs = re.compile(rb"pwned|etc/passwd|ions-[23]|opens-1|other-1")
    assert [name for name, data in files.items() if theirs.search(data)] == []


def test_merged_against_the_lanes_word_they_have_no_result_and_no_effect(stage: Stage) -> None:
    """Cards, answers and adapters of all of them at once, on one main branch."""
    merged = stage.lanes.fork("merged")
    for row, (make, lane, _) in enumerate(HOSTILE.values()):
        if lane == "check" or make.__name__ == "linked_card":
            one = stage.lanes.fork(f"merged-{row}")
            make(stage, one)
            for path in (one / "model_cards").glob("*.md"):
                if path.is_symlink() or not (merged / "model_cards" / path.name).exists():
                    path.rename(merged / "model_cards" / f"{path.stem}-{row}.md")
    site = stage.folder / "site-merged"
    code, told = stage.lanes.run(merged, "site", "build", "--results", "leaderboard/results", "--out", site)
    assert (code, "Left out:" in told) == (1, True), "the lane ends here, and deploys nothing"
    pages = {name: data.decode() for name, data in tree(site).items() if name.endswith(".html")}
    for page in pages.values():
        assert_inert(Page(page))
    pages["index.html"] = re.sub(
        "<li>[^<]*</li>", "", pages["index.html"]
    )  # what is left out, with its reason, as text
    assert not any(re.search(r"pwned|etc/passwd", page) for page in pages.values())
    results = {name for name, page in pages.items() if name.startswith("models/") and ">unverified</span>" not in page}
    assert results == {f"models/{name}.html" for name in ("ions-1", *MODELS)}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"scores.delta.value": 0.001}, "delta"),
        ({"run.entry": "../../x@conservative"}, "a result's name is its file's name"),
        ({"run.entry": "chgnet-r2scan@conservative"}, "a result's name is its file's name"),
        ({"run.checkpoint_sha256": "f" * 64}, "another checkpoint"),
        ({"run.counts.ok": 71}, "records"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_result_that_lies_is_refused(stage: Stage, tmp_path: Path, change: dict[str, object], reason: str) -> None:
    name = "sevennet-0"
    path = write_result(tmp_path / "runs", name, MODELS[name])
    data = json.loads(path.read_text())
    for field, value in change.items():
        *outer, last = field.split(".")
        place = data
        for key in outer:
            place = place[key]
        place[last] = value
    path.write_text(json.dumps(data))
    before = tree(stage.lanes.main)
    code, told = stage.lanes.run(stage.lanes.main, "submit", "accept", tmp_path / "runs")
    assert (code, reason in told) == (1, True), told
    assert tree(stage.lanes.main) == before
