"""The front in a real browser: every page sound on a desk and on a phone, and the three questions answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import soundness
from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

Go = Callable[..., Visit]

LFP = "Li-Fe-P-O, permissive licence"


KINDS = (
    *("index.html", "choose.html", "compare.html", "data.html", "findings.html", "reading.html", "zoo-costs.html"),
    *("models/hostile.html", "tasks/eos.html", "results/eos-fast-hostile@conservative.html"),
)
"""A page of each kind."""


@pytest.mark.parametrize("paths", [KINDS, pytest.param(None, marks=pytest.mark.slow)], ids=["one of a kind", "all"])
def test_pages_are_quiet_accessible_and_fit(visit: Go, folder: Path, site: str, paths: tuple[str, ...] | None) -> None:
    seen = visit("index.html")
    every = soundness.pages(folder / "site")
    assert set(KINDS) <= set(every)
    assert soundness.findings(seen.page, paths or every, site) == []
    assert seen.said == []
    assert [url for url in seen.asked if not url.startswith(f"{site}/")] == []


def rows(seen: Visit) -> list[str]:
    return seen.page.locator("#overview tbody tr:visible th a bdi").all_inner_texts()


def test_a_visitor_learns_which_models_are_safe_for_phonons(visit: Go) -> None:
    seen = visit("index.html")
    seen.page.get_by_role("link", name="Which models are safe for phonons?").click()
    expect(seen.page.locator(".lede")).to_contain_text("unconstrained entries")
    expect(seen.page.locator("ol li").first).to_contain_text("tolerance curve")


def test_a_visitor_learns_what_averaging_costs(visit: Go) -> None:
    seen = visit("index.html")
    seen.page.locator(".questions").get_by_role("link", name="What does averaging cost?").click()
    expect(seen.page.locator(".lede")).to_contain_text("42 (o3-3), 154 (o3-5), 390 (o3-7) model evaluations")


def test_a_visitor_finds_the_fastest_permissive_model_for_a_material(visit: Go) -> None:
    seen = visit("index.html")
    seen.page.get_by_role("link", name="Choose a model for my material.").click()
    seen.page.get_by_role("link", name=LFP).click()
    answer = seen.page.locator("#answer")
    expect(answer).to_contain_text("Knows Li-Fe-P-O; licence: permissive: 4 entries match.")
    expect(answer).to_contain_text("Best by Equations of state, Δ, median: ")
    expect(answer).to_contain_text("Fastest first: ")
    assert seen.said == []


def test_a_selection_stands_in_the_address_and_comes_back(visit: Go, site: str) -> None:
    seen = visit("choose.html")
    page = seen.page
    page.get_by_role("button", name="Fe", exact=True).click()
    page.get_by_label("Licence", exact=False).first.select_option("permissive")
    page.locator("summary", has_text="Combined score").click()
    page.locator("#weights input").first.fill("2")
    page.locator("#overview thead button", has_text="combined score").click()
    address = page.url
    assert address == f"{site}/choose.html?elements=Fe&licence=permissive&weights=eos:2&sort=-score"
    shown = rows(seen)
    page.goto(address)
    assert rows(seen) == shown
    expect(page.locator('[data-element="Fe"]')).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#overview thead th[aria-sort=descending]")).to_have_text("combined score")
    scores = page.locator("#overview tbody tr:visible td:last-child").all_inner_texts()
    assert scores[0] == "1.000"
    assert "–" in scores  # another level of theory does not compare
    page.locator("summary", has_text="Columns").click()
    page.locator("#columns label", has_text="Equations of state").locator("input").uncheck()
    expect(page.locator("#overview thead th[data-key=eos]")).to_be_hidden()
    assert "hide=eos" in page.url


def test_sorting_by_keyboard_puts_what_does_not_compare_last(visit: Go) -> None:
    seen = visit("index.html")
    button = seen.page.locator("#overview thead th[data-key=eos] button")
    first = rows(seen)
    assert first[0] == "SevenNet-0 (11Jul2024)"
    for order in ("ascending", "descending"):
        button.focus()
        seen.page.keyboard.press("Enter")
        expect(seen.page.locator("#overview thead th[data-key=eos]")).to_have_attribute("aria-sort", order)
        assert rows(seen)[-1] == "CHGNet r2SCAN"
    assert rows(seen)[0] != "SevenNet-0 (11Jul2024)"


def test_entries_are_compared_side_by_side(visit: Go, site: str) -> None:
    seen = visit("index.html")
    page = seen.page
    for name in ("SevenNet-0 (11Jul2024)", "CHGNet 0.3.0"):
        page.get_by_label(f"Compare {name}, conservative").check()
    page.get_by_role("link", name="Compare 2").click()
    expect(page.locator("#comparison thead th")).to_have_count(3)
    expect(page.locator("#comparison")).to_contain_text("3.155]")
    page.get_by_role("button", name="Remove CHGNet 0.3.0").click()
    assert page.url == f"{site}/compare.html?entries=sevennet-0@conservative"
    assert seen.said == []


def test_the_search_finds_models_and_terms(visit: Go) -> None:
    seen = visit("search.html?q=imaginary")
    expect(seen.page.locator("#found li:visible", has_text="Imaginary modes")).to_have_count(1)
    seen.page.get_by_label("Models, tasks, pages, terms").fill("chgnet r2scan")
    expect(seen.page.locator("#found li:visible")).to_have_count(1)


def test_hostile_text_stays_text_in_every_table(visit: Go) -> None:
    for path in ("index.html", "choose.html?sort=title", "compare.html?entries=hostile@conservative", "search.html"):
        seen = visit(path)
        seen.page.locator("a bdi", has_text="onmouseover").first.hover()
        assert seen.page.evaluate("window.pwned") is None
        assert seen.said == []


def test_the_table_needs_no_script_and_little_to_load(visit: Go, folder: Path) -> None:
    seen = visit("index.html", java_script_enabled=False)
    assert len(rows(seen)) == 4
    expect(seen.page.locator("#tools")).to_be_hidden()
    loaded = {url.rpartition("/")[2] for url in seen.asked}
    assert "vega.js" not in loaded
    text = (folder / "site" / "index.html").read_text(encoding="utf-8")
    island = text[text.index('id="overview-data">') + len('id="overview-data">') :]
    assert len(json.loads(island[: island.index("</script>")])["checkpoints"]) == 4


def test_a_visitor_sets_the_price_of_an_hour(visit: Go) -> None:
    seen = visit("zoo-costs.html")
    price = seen.page.get_by_label("Dollars for an hour of one accelerator")
    expect(price).to_have_value("2.0")
    cells = seen.page.locator("tr[data-unit] td:last-child")
    units = seen.page.locator("tr[data-unit]").evaluate_all("rows => rows.map((row) => row.dataset.unit)")
    hours = [float(unit) for unit in units]
    assert cells.all_inner_texts() == [f"{2 * each:,.0f}" for each in hours]
    price.fill("10")
    assert cells.all_inner_texts() == [f"{10 * each:,.0f}" for each in hours]
    price.fill("")
    assert cells.all_inner_texts() == ["–"] * len(hours)
    assert seen.said == []
