"""The site in a real browser: it draws, it sorts, it says no error and asks nobody else for anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
ARTICLES = ("averaging.html", "calibration.html", "correlation.html", "findings.html", "tolerance.html")
RESULT = "results/eos-fast-sevennet-0@conservative.html"
MODELS = ("models/sevennet-0.html", "models/hostile.html")
PAGES = ("index.html", *MODELS, RESULT, "tasks/eos.html", "reading.html", *ARTICLES)

Go = Callable[..., Visit]


def draw_all(visit: Visit) -> int:
    """Bring every chart into view and wait until it is drawn; returns how many there are."""
    page = visit.page
    charts = page.locator(".chart[data-spec]")
    size = page.viewport_size
    assert size is not None
    page.set_viewport_size({"width": size["width"], "height": page.evaluate("document.documentElement.scrollHeight")})
    expect(page.locator(".chart[data-drawn] svg")).to_have_count(charts.count())
    return charts.count()


@pytest.mark.parametrize("path", PAGES)
def test_pages_draw_without_an_error_or_a_request_elsewhere(visit: Go, site: str, path: str) -> None:
    seen = visit(path)
    draw_all(seen)
    assert seen.said == []
    assert seen.asked[0] == f"{site}/{path}"
    assert [url for url in seen.asked if not url.startswith(f"{site}/")] == []
    assert len(seen.asked) > 1


def test_the_board_shows_a_dot_and_an_interval_for_every_entry(visit: Go) -> None:
    seen = visit("tasks/eos.html")
    assert draw_all(seen) == 1
    marks = seen.page.locator(".plot svg .mark-symbol path[aria-roledescription=point]")
    expect(marks).to_have_count(3)
    expect(seen.page.locator(".plot svg .mark-rule line[aria-roledescription='rule mark']")).to_have_count(3)


def unfold(visit: Visit) -> None:
    """Open the first result of a model's page."""
    visit.page.locator("details.result > summary").first.click()
    expect(visit.page.locator("details.result table.sortable").first).to_be_visible()


@pytest.mark.parametrize("path", ["models/sevennet-0.html", RESULT])
def test_a_result_draws_points_fit_and_reference_for_every_element(visit: Go, path: str) -> None:
    seen = visit(path)
    if path != RESULT:
        assert "vega.js" not in {url.rpartition("/")[2] for url in seen.asked}
        unfold(seen)
    assert draw_all(seen) == 25  # of 27 elements; two failed
    assert seen.said == []
    first = seen.page.locator(".chart[data-drawn]").first
    expect(first.locator(".mark-symbol path")).to_have_count(7)
    lines = first.locator(".mark-line path")
    expect(lines).to_have_count(2)
    dashes = [lines.nth(i).get_attribute("stroke-dasharray") for i in range(2)]
    assert sum(dash is not None for dash in dashes) == 1
    expect(seen.page.locator(".chart.empty")).to_have_count(2)


def test_a_model_s_page_that_is_a_file_brings_its_results(browser: Browser, folder: Path) -> None:
    context = browser.new_context()
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.goto((folder / "site" / "models" / "sevennet-0.html").as_uri())
    page.locator("details.result > summary").first.click()
    page.locator("details.result .chart").first.scroll_into_view_if_needed()
    expect(page.locator("details.result .chart[data-drawn] svg").first).to_be_visible()
    assert said == []
    context.close()


def test_a_tooltip_tells_the_value(visit: Go) -> None:
    seen = visit("tasks/eos.html")
    draw_all(seen)
    seen.page.locator(".plot svg .mark-symbol path[aria-roledescription=point]").first.hover()
    expect(seen.page.locator("#vg-tooltip-element")).to_contain_text("sevennet-0")
    expect(seen.page.locator("#vg-tooltip-element")).to_contain_text("1.51 meV/atom")
    assert seen.said == []


def test_charts_follow_the_theme(visit: Go) -> None:
    seen = visit("tasks/eos.html", color_scheme="light")
    draw_all(seen)
    dot = seen.page.locator(".plot svg .mark-symbol path[aria-roledescription=point]").first
    light = dot.get_attribute("fill")
    seen.page.emulate_media(color_scheme="dark")
    expect(dot).not_to_have_attribute("fill", str(light))


def models(visit: Visit) -> list[str]:
    return visit.page.locator("table.board").first.locator("tbody tr:visible th a").all_inner_texts()


def test_sorting_by_keyboard(visit: Go) -> None:
    seen = visit("tasks/eos.html")
    ranked = models(seen)
    header = seen.page.locator("table.board").first.locator("thead th", has_text="Cost")
    header.locator("button").focus()
    seen.page.keyboard.press("Enter")
    expect(header).to_have_attribute("aria-sort", "ascending")
    assert models(seen)[-1] == "SevenNet-0 (11Jul2024)"
    seen.page.keyboard.press("Enter")
    expect(header).to_have_attribute("aria-sort", "descending")
    assert models(seen)[0] == "SevenNet-0 (11Jul2024)"
    seen.page.locator("table.board").first.locator("thead button", has_text="Rank").click()
    assert models(seen) == ranked
    assert ranked[0] == "SevenNet-0 (11Jul2024)"


def test_an_element_without_a_number_is_last_either_way(visit: Go) -> None:
    seen = visit("models/sevennet-0.html")
    unfold(seen)
    table = seen.page.locator("table.sortable").first
    button = table.locator("thead button").nth(1)
    for _ in range(2):
        button.click()
        samples = table.locator("tbody th").all_inner_texts()
        assert {samples[-1].split()[0], samples[-2].split()[0]} == {"Fe", "Pb"}


def test_filtering(visit: Go) -> None:
    seen = visit("tasks/eos.html")
    box = seen.page.get_by_label("Filter").first
    box.fill("chgnet mptrj")
    assert models(seen) == ["CHGNet 0.3.0"]
    expect(seen.page.locator("output").first).to_have_text("1 of 3")
    box.fill("no such model")
    assert models(seen) == []
    box.fill("")
    assert len(models(seen)) == 3
    expect(seen.page.locator("output").first).to_have_text("")


def test_without_javascript_the_numbers_are_all_there(visit: Go) -> None:
    seen = visit("tasks/eos.html", java_script_enabled=False)
    assert len(models(seen)) == 3
    expect(seen.page.locator("table.board").nth(1)).to_contain_text("CHGNet r2SCAN")
    expect(seen.page.get_by_label("Filter").first).to_be_hidden()
    expect(seen.page.locator("table.board tbody tr").first).to_contain_text("[1.44, 3.39]")
    expect(seen.page.locator("noscript p")).to_be_visible()


def test_a_hostile_card_does_nothing(visit: Go) -> None:
    seen = visit("models/hostile.html")
    unfold(seen)
    draw_all(seen)
    seen.page.locator("h1").hover()
    assert seen.page.evaluate("window.pwned") is None
    seen = visit("tasks/eos.html")
    seen.page.locator("table.board tbody th a", has_text="onmouseover").first.hover()
    assert seen.page.evaluate("window.pwned") is None
    assert seen.said == []


def test_what_got_through_would_be_refused(visit: Go) -> None:
    seen = visit("index.html")
    seen.page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.pwned = 1";
        const image = new Image();
        image.src = "http://127.0.0.2:9/tracker.png";
        document.body.append(script, image);
    }""")
    assert seen.page.evaluate("window.pwned") is None
    assert sum("Content Security Policy" in said for said in seen.said) == 2


@pytest.mark.parametrize("path", PAGES)
def test_a_phone_scrolls_tables_and_not_the_page(visit: Go, path: str) -> None:
    seen = visit(path, viewport=PHONE)
    draw_all(seen)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for i in range(seen.page.locator(".scroll").count()):
        box = seen.page.locator(".scroll").nth(i)
        assert box.get_attribute("tabindex") == "0"  # so that the keyboard can scroll it


@pytest.mark.parametrize(("path", "least"), [("tolerance.html", 8), ("calibration.html", 5), ("findings.html", 2)])
def test_articles_draw_their_pictures(visit: Go, path: str, least: int) -> None:
    seen = visit(path)
    assert draw_all(seen) >= least
    assert seen.said == []


def test_a_report_opens_from_a_file_without_asking_for_anything(browser: Browser, folder: Path) -> None:
    report = folder / "report.html"
    context = browser.new_context()
    page, said, asked = context.new_page(), [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    sizes = page.locator("img").evaluate_all("images => images.map(each => [each.complete, each.naturalWidth])")
    assert len(sizes) == 26 + 3  # of 27 elements, one failed; the times of three crystals
    assert all(complete and width > 100 for complete, width in sizes)
    assert page.evaluate("window.pwned") is None
    assert said == []
    assert [url for url in asked if not url.startswith("data:image/svg+xml;base64,")] == [report.as_uri()]
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    context.close()
