"""A report: one entry, one page that stands alone, in which a card or a result cannot act."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from evaluation import task as tasks
from leaderboard.analysis.constraint_grades import constraint_cards
from leaderboard.errors import NoResults
from leaderboard.ranking.collect import collect
from leaderboard.site import report as reports
from leaderboard.site.build import pages
from leaderboard.terminal.report import show
from leaderboard.views.base import Check
from tests.leaderboard.site.test_build import Page
from tests.leaderboard.specimens import HOSTILE, write_card, write_result
from zoo.cards import index
from zoo.command import app
from zoo.errors import UnknownModel

NAME = "sevennet-0@conservative"


def run(*arguments: str | Path, width: int = 200) -> Result:
    return CliRunner(env={"COLUMNS": str(width)}).invoke(app(), [str(each) for each in arguments])


@pytest.fixture
def page(results: Path) -> Page:
    return Page(reports.html(reports.report(NAME, [results])))


def assert_stands_alone(page: Page) -> None:
    assert not {tag for tag, _ in page.tags} & {"base", "embed", "form", "iframe", "link", "object", "script", "svg"}
    for tag, attrs in page.tags:
        assert not any(name.startswith("on") or name == "style" for name in attrs), attrs
        if tag == "img":
            assert str(attrs["src"]).startswith("data:image/svg+xml;base64,")
        elif "src" in attrs:
            raise AssertionError(attrs)
        if tag == "a":
            assert str(attrs["href"]).startswith(("https://", "#"))
    (policy,) = [attrs["content"] for _, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def test_a_page_stands_alone_and_has_every_picture(page: Page) -> None:
    assert_stands_alone(page)
    images = [attrs for tag, attrs in page.tags if tag == "img"]
    assert len(images) == 25  # of 27 elements; two failed
    for attrs in images:
        svg = base64.b64decode(str(attrs["src"]).partition(",")[2]).decode()
        assert svg.startswith("<svg")
        assert "var(--accent)" in svg
        assert "prefers-color-scheme:dark" in svg
        assert attrs["alt"]


def test_it_says_claims_costs_provenance_and_protocol(page: Page) -> None:
    text = page.text
    assert text.count('<span class="none">untested</span>') == 9
    assert "no result; &#39;mlip-zoo evaluate sevennet-0@conservative --task constraints&#39; measures it" in text
    assert "1.51" in text  # median Δ
    assert "Example CPU 9000" in text
    assert "0123456789abcdef0123456789abcdef01234567" in text
    assert "samples per chunk" in text
    assert "Relaxation" in text.partition("No result here:")[2].partition("</p>")[0]


def test_the_site_has_the_same_card(results: Path, page: Page) -> None:
    files, _ = pages(collect([results]))
    site = files["models/sevennet-0.html"].decode()
    table = re.compile(r'<table class="claims">.*?</table>', re.DOTALL)
    assert table.findall(site) == table.findall(page.text)
    assert len(table.findall(site)) == 1


def test_a_hostile_card_and_record_do_nothing(results: Path, cards: Path) -> None:
    write_card(cards, "hostile", HOSTILE)
    write_result(results, "hostile", HOSTILE)
    page = Page(reports.html(reports.report("hostile", [results])))
    assert_stands_alone(page)
    assert "&lt;/script&gt;&lt;script&gt;window.pwned = &#39;record&#39;&lt;/script&gt;" in page.text
    assert "<bdi>&#34; onmouseover=&#34;window.pwned=1&#34; x=&#39;</bdi>" in page.text


def test_a_hostile_panel_stays_inside_its_picture() -> None:
    hostile = "</svg><script>window.pwned=1</script>"
    spec: Any = {
        "width": "container",
        "data": {"name": "points"},
        "mark": "text",
        "encoding": {"x": {"field": "x", "type": "nominal"}, "text": {"field": "x"}},
    }
    svg = reports.draw(spec, {"points": [{"x": hostile}]})
    assert "<script" not in svg
    assert svg.count("</svg>") == 1


def test_layers_without_a_row_are_left_out() -> None:
    layers = [{"data": {"name": name}, "mark": "point", "encoding": {"x": {"field": "x"}}} for name in ("full", "none")]
    svg = reports.draw({"layer": layers}, {"full": [{"x": 1.0}], "none": []})
    assert svg.count('aria-roledescription="point"') == 1


def test_same_results_same_page(results: Path, page: Page) -> None:
    assert reports.html(reports.report(NAME, [results])) == page.text


def test_an_entry_without_results_says_which_have_some(results: Path) -> None:
    with pytest.raises(NoResults, match=r"no results of sevennet-0@conservative\+float64\. There are results of s"):
        reports.report("sevennet-0@float64", [results])
    with pytest.raises(UnknownModel, match="Did you mean 'sevennet-0'"):
        reports.report("sevenet-0", [results])


def test_a_damaged_result_is_named(results: Path) -> None:
    (results / "eos" / f"{NAME}.json").write_text("{", encoding="utf-8")
    with pytest.raises(NoResults, match="the file: Invalid JSON"):
        reports.report(NAME, [results])


def test_a_stale_result_tests_nothing(results: Path, cards: Path) -> None:
    (stale,) = [entry for entry in collect([results]).entries if entry.name == NAME]
    task = tasks.load("constraints")
    made = replace(stale, task=task, stale=("protocol",), rows=())
    card, mode = index.resolve(NAME)
    (found,) = constraint_cards(card, mode, [made])
    assert found.measured is None
    assert "made with another protocol than today's" in str(found.reason)
    assert {judgement.status for judgement in found.judgements} == {"untested"}
    checks: list[Check] = [check for judgement in found.judgements for check in judgement.checks]
    assert {(check.grade, check.value) for check in checks} == {("untested", None)}


def test_the_command_prints_what_fits(results: Path) -> None:
    done = run("report", "sevennet-0", "--results", results)
    assert done.exit_code == 0, done.output
    assert "SevenNet-0 (11Jul2024)" in done.stdout
    assert "forces and stress are derivatives of the energy: untested" in done.stdout
    assert re.search(r"Δ, median +1\.51 +\[\d\.\d\d, \d\.\d\d\] +meV/atom", done.stdout)
    assert "--html' has every figure" in done.stdout


def test_a_narrow_terminal_keeps_grades_and_thresholds(results: Path) -> None:
    done = run("report", "sevennet-0", "--results", results, width=80)
    assert re.search(r"rotation error of forces +untested +– +0\.05 +meV/Å", done.stdout)
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_command_writes_the_page(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("report", NAME, "--html", "--results", results).exit_code == 0
    assert_stands_alone(Page((tmp_path / f"{NAME}.html").read_text(encoding="utf-8")))
    out = tmp_path / "elsewhere" / "report.html"
    assert run("report", NAME, "--html", "--out", out, "--results", results).exit_code == 0
    assert out.is_file()
    wrong = run("report", NAME, "--out", out, "--results", results)
    assert wrong.exit_code == 2
    assert "--html" in wrong.output


def test_a_result_cannot_steer_the_terminal(results: Path) -> None:
    steering = "pwned \x1b[2J\x9b"
    found = reports.report(NAME, [results])
    judged = replace(
        found.constraints[0], measured=steering, reason=steering, ungraded=(Check("λ", 1.0, "", steering),)
    )
    text = io.StringIO()
    show(replace(found, constraints=(judged,)), Console(file=text, width=200, force_terminal=False))
    assert text.getvalue().count("pwned") == 3
    assert not {"\x1b", "\x9b"} & {*text.getvalue()}
