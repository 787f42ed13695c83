"""The report: bounded, true to what was looked at, and without markup that a pull request wrote."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evaluation.result import read_result
from evaluation.submission.looked import Canary, Looked
from leaderboard.errors import ResultFault
from leaderboard.ranking.collect import Entry, collect
from leaderboard.ranking.diff import compare as compare_results
from leaderboard.submission.acceptance import accept
from leaderboard.submission.claimed import compare
from leaderboard.submission.comment import LONGEST, comment, literal
from leaderboard.submission.difference import difference
from leaderboard.submission.quartiles import Quartiles, quartiles
from tests.leaderboard.specimens import MODELS
from zoo.cards import index
from zoo.cards.card import ClaimedFigure
from zoo.checks.finding import Conformance, Verdict
from zoo.command import app

NAME = "chgnet-0.3.0"
ENTRY = f"{NAME}@conservative"
HOSTILE = "![x](https://a.org/x.png) <img src=x> @someone | `x` [y](javascript:1) **b** https://a.org www.a.org\x1b[31m"


@pytest.fixture
def results(specimens: Path, cards: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(specimens / "results", tmp_path / "results"))


@pytest.fixture
def entries(results: Path) -> tuple[Entry, ...]:
    return collect([results]).entries


def conformance(*checks: Verdict) -> Conformance:
    return Conformance(
        potential=NAME,
        forces="conservative",
        rotation="exact",
        inversion="exact",
        dtype="float32",
        crystals=(),
        checks=checks,
        calls=70,
        seconds=12.0,
    )


def looked(results: Path, **changes: object) -> Looked:
    ran = Canary(task="eos", outcome="ran", seconds=3.2, result=read_result(results / "eos" / f"{ENTRY}.json"))
    found = Looked(name=NAME, commit="a" * 40, lines=(("right", "card"),), to_do=(), canaries=(ran,))
    return found.model_copy(update=changes)


def test_canaries_stand_beside_the_quartiles(results: Path) -> None:
    told = comment(looked(results), theory="PBE", quartiles={"eos": Quartiles(9, 0.1, 0.2, "lower")})
    assert "middle half of PBE (models)" in told
    assert "0.1 to 0.2 (9) | worse than three quarters | 3.2 s |" in told
    assert "Whether eos is the model's own figure" in told
    assert "the label 'evaluate'" in told


@pytest.mark.parametrize(
    ("value", "place"), [(0.05, "better than"), (0.15, "within"), (0.3, "worse than")], ids=["low", "middle", "high"]
)
def test_a_place_follows_the_direction(value: float, place: str) -> None:
    assert Quartiles(9, 0.1, 0.2, "lower").place(value).startswith(place)
    assert Quartiles(3, 0.1, 0.2, "lower").place(value) == "few models"
    mirrored = {"better than": "worse than", "worse than": "better than"}.get(place, place)
    assert Quartiles(9, 0.1, 0.2, "higher").place(value).startswith(mirrored)


def test_quartiles_are_of_the_canary_and_of_other_models_of_the_theory(entries: tuple[Entry, ...]) -> None:
    found = quartiles(entries, theory="PBE", without=NAME)
    (other,) = (entry for entry in entries if entry.name == "sevennet-0@conservative")
    part = other.restricted_to("canary")
    assert part is not None
    assert (found["eos"].n, found["eos"].low) == (1, part.result.scores["delta"].value)
    assert quartiles(entries, theory="r2SCAN", without=NAME)["eos"].n == 1
    assert quartiles(entries, theory="nothing", without=NAME) == {}


def test_failures_have_reasons_and_what_to_do(results: Path) -> None:
    failed = Verdict(name="forces", status="failed", detail="forces are 2 % off")
    found = looked(results, conformance=conformance(failed), to_do=("mend 'forces'",))
    told = comment(found, theory="PBE", quartiles={})
    assert "its author has one thing to do" in told
    assert "| forces | failed | forces are 2 % off |" in told
    assert "1. mend &#39;forces&#39;" in told
    assert "the label" not in told


def test_a_model_that_did_not_load_is_told(results: Path) -> None:
    assert "The model was not loaded" in comment(looked(results, canaries=()), theory="PBE", quartiles={})


def test_what_a_pull_request_wrote_is_text(results: Path) -> None:
    failed = Verdict(name="forces", status="failed", detail=HOSTILE)
    late = Canary(task="eos", outcome="late", seconds=1.0, message=HOSTILE)
    found = looked(results, lines=(("wrong", HOSTILE),), to_do=(HOSTILE,), canaries=(late,))
    told = comment(found.model_copy(update={"conformance": conformance(failed)}), theory=HOSTILE, quartiles={})
    assert not re.search(r"<img|!\[|\]\(|@someone|https://|www\.a|\x1b|`x`|\*\*b", told)
    table = [line for line in told.splitlines() if "someone" in line and line.startswith("|")]
    assert {line.count("|") for line in table} == {3, 4, 7}
    assert literal("a@b") == "a&#64;&#8203;b"


def test_a_comment_is_bounded(results: Path) -> None:
    found = looked(results, lines=(("wrong", "x|" * 2000),) * 200, to_do=tuple(f"{n} " + "|" * 900 for n in range(200)))
    told = comment(found, theory="PBE", quartiles={})
    assert len(told) <= LONGEST
    assert told.endswith("The rest is in the artifact of this run.\n")


def claim(**changes: object) -> ClaimedFigure:
    fields = {"task": "eos", "metric": "delta", "value": 1.0, "subset": "full", "source": "https://example.org/p"}
    return ClaimedFigure.model_validate({**fields, **changes})


def test_claims_agree_differ_or_cannot_be_compared(entries: tuple[Entry, ...]) -> None:
    ours = next(entry for entry in entries if entry.name == ENTRY)
    subset, score = ours.result.run.subset, ours.result.scores["delta"]
    assert score.value is not None
    same, off = claim(value=score.value, subset=subset), claim(value=score.value * 10, subset=subset)
    others = (claim(subset="canary"), claim(metric="nothing", subset=subset), claim(task="kappa"))
    card = index.card(NAME).model_copy(update={"claims": (same, off, *others)})
    found = compare(card, entries)
    assert [each.agreement for each in found] == ["agrees", "differs", *["not comparable"] * 3]
    assert [each.why for each in found[2:]] == [
        f"ours is of the subset {subset}",
        "the task has no such metric",
        "we have no result of that task",
    ]


def test_the_command_prints_it(results: Path, tmp_path: Path) -> None:
    looked(results).write(tmp_path / "looked.json")
    done = CliRunner().invoke(app(), ["submit", "report", str(tmp_path / "looked.json"), "--results", str(results)])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"### {NAME}: its author has nothing left to do")
    (tmp_path / "looked.json").write_text('{"name": "x"}')
    done = CliRunner().invoke(app(), ["submit", "report", str(tmp_path / "looked.json"), "--results", str(results)])
    assert isinstance(done.exception, ResultFault)


def test_results_are_taken_all_or_none(results: Path, tmp_path: Path) -> None:
    published = tmp_path / "published"
    assert len(accept(results, published)) == len(MODELS)
    assert [entry.name for entry in collect([published]).entries] == [
        entry.name for entry in collect([results]).entries
    ]
    path = results / "eos" / f"{ENTRY}.json"
    data = json.loads(path.read_text())
    data["scores"]["delta"]["value"] = 0.001
    path.write_text(json.dumps(data))
    with pytest.raises(ResultFault, match=r"(?s)nothing was accepted:.*delta"):
        accept(results, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_costs_are_those_of_the_records(results: Path, tmp_path: Path) -> None:
    path = results / "eos" / f"{ENTRY}.json"
    data = json.loads(path.read_text())
    calls = data["run"]["cost"]["force_calls"]
    data["run"]["cost"]["force_calls"] = 1
    path.write_text(json.dumps(data))
    accept(results, tmp_path / "published")
    assert read_result(tmp_path / "published" / "eos" / f"{ENTRY}.json").run.cost.force_calls == calls


@pytest.mark.parametrize("what", ["unverified", "withdrawn", "stale"])
def test_what_may_not_be_published_is_refused(results: Path, cards: Path, tmp_path: Path, what: str) -> None:
    card = cards / f"{NAME}.md"
    if what == "unverified":
        (cards / "checked" / f"{NAME}.json").unlink()
    elif what == "withdrawn":
        gone = 'withdrawn: {day: "2026-11-27", reason: the weights were of another model}\n'
        card.write_text(card.read_text().replace("family:", f"{gone}family:", 1))
    else:
        path = results / "eos" / f"{ENTRY}.json"
        path.write_text(path.read_text().replace(read_result(path).run.protocol_sha256, "f" * 64))
    reason = {"unverified": "is not verified", "withdrawn": "is withdrawn: the weights", "stale": "another protocol"}[
        what
    ]
    with pytest.raises(ResultFault, match=reason):
        accept(results, tmp_path / "published")


def test_the_difference_names_what_is_new_and_what_moved(results: Path, tmp_path: Path) -> None:
    before = Path(shutil.copytree(results, tmp_path / "before"))
    (before / "eos" / "sevennet-0@conservative.json").unlink()
    path = before / "eos" / f"{ENTRY}.json"
    data = json.loads(path.read_text())
    data["scores"]["delta"]["value"] += 1.0
    path.write_text(json.dumps(data))
    told = difference(compare_results(before, results))
    assert told.startswith("### The board: 1 new, 1 scores moved, 2 compared")
    assert "sevennet-0&#64;" in told
    assert "| better |" in told
