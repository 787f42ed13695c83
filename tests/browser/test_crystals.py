"""Crystals in a real browser: a button, a failure or a point opens one in 3D, by mouse and by keyboard."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from leaderboard.ranking.collect import PUBLISHED, collect
from leaderboard.site.build import build
from tests.browser import soundness
from tests.browser.conftest import Visit
from zoo import settings

pytestmark = pytest.mark.browser

Go = Callable[..., Visit]

RELAXED = "results/relaxation-full-pet-tiny@direct.html"
FORMATION = "results/formation-fast-pet-tiny@conservative.html"
SOFTWARE = "GL Driver Message"
"""Chromium warns of its own slow drawing where it has no GPU."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of two published results, of a model whose direct forces lead crystals astray."""
    folder = tmp_path_factory.mktemp("crystals")
    cards = folder / "cards"
    cards.mkdir()
    shutil.copy(settings.cards_dir() / "pet-tiny.md", cards)
    shutil.copytree(settings.cards_dir() / "checked", cards / "checked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLIP_ZOO_CARDS", str(cards))
        relaxed = collect([PUBLISHED], task="relaxation", entry="pet-tiny@direct")
        formation = collect([PUBLISHED], task="formation", entry="pet-tiny@conservative")
        build(replace(relaxed, entries=relaxed.entries + formation.entries), folder / "site")
    return folder


def noise(seen: Visit, site: str) -> list[str]:
    """What was said, and what was asked of anybody else."""
    return [
        *(said for said in seen.said if SOFTWARE not in said),
        *(url for url in seen.asked if not url.startswith(f"{site}/")),
    ]


def opened(page: Page) -> Locator:
    dialog = page.locator("dialog[open]")
    expect(dialog.locator("canvas")).to_have_count(1)
    return dialog


def test_a_crystal_opens_and_turns_by_keyboard(visit: Go, site: str) -> None:
    seen = visit(RELAXED)
    page = seen.page
    assert not {"3Dmol.js", "relaxation.js"} & {url.rpartition("/")[2] for url in seen.asked}
    button = page.locator(".panel button.crystal").first
    expect(button).to_have_accessible_name("AlN-mp-1700/perturbed in 3D")
    button.focus()
    page.keyboard.press("Enter")
    dialog = opened(page)
    expect(dialog.get_by_role("heading")).to_have_text("AlN-mp-1700/perturbed")
    choices = dialog.get_by_role("group", name="Geometry").get_by_role("button")
    assert choices.all_inner_texts() == ["Reference", "Start", "Relaxed"]
    expect(dialog.locator("tbody tr").first).to_have_text("Reference4.4014.4014.40190.0090.0090.0010.655")
    stage = dialog.get_by_role("img")
    expect(stage).to_have_accessible_name("AlN-mp-1700/perturbed, Relaxed: 8 atoms in the cell")
    pictures = [stage.screenshot()]
    choices.first.focus()
    page.keyboard.press("Enter")
    expect(choices.first).to_have_attribute("aria-pressed", "true")
    expect(stage).to_have_accessible_name("AlN-mp-1700/perturbed, Reference: 8 atoms in the cell")
    pictures.append(stage.screenshot())
    stage.focus()
    for key in ("ArrowRight", "+"):
        page.keyboard.press(key)
        pictures.append(stage.screenshot())
    assert len(set(pictures)) == 4
    page.evaluate(soundness.library())
    assert soundness.violations(page, None) == []
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(button).to_be_focused()
    assert noise(seen, site) == []


def test_a_failure_shows_where_it_started(visit: Go, site: str) -> None:
    seen = visit(RELAXED, viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = seen.page
    page.locator("details.empties summary").click()
    page.locator("details.empties").get_by_role("button", name="AgBr-mp-23231/perturbed in 3D").click()
    dialog = opened(page)
    assert dialog.get_by_role("group", name="Geometry").get_by_role("button").all_inner_texts() == [
        "Reference",
        "Start",
    ]
    expect(dialog).to_contain_text("PhononDB-PBE, 103 binary solids, CC-BY-4.0")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    dialog.get_by_role("button", name="Close").click()
    page.locator("details.empties").get_by_role("button").nth(1).click()  # the viewer serves again
    expect(opened(page).get_by_role("heading")).not_to_have_text("AgBr-mp-23231/perturbed")
    assert noise(seen, site) == []


def test_a_point_of_a_picture_opens_its_crystal(visit: Go, site: str) -> None:
    seen = visit(FORMATION)
    page = seen.page
    page.locator(".chart[data-drawn] .mark-symbol path").first.click(force=True)
    dialog = opened(page)
    expect(dialog.get_by_role("heading")).to_contain_text("wbm-")
    assert dialog.get_by_role("group", name="Geometry").get_by_role("button").all_inner_texts() == [
        "Reference, where it starts",
        "Relaxed",
    ]
    assert noise(seen, site) == []


def test_a_model_s_page_that_is_a_file_shows_crystals(browser: Browser, folder: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto((folder / "site" / "models" / "pet-tiny.html").as_uri())
    page.locator("details.result > summary").first.click()
    page.locator("details.result button.crystal:visible").first.click()
    opened(page)
    context.close()


def test_without_javascript_there_is_no_button(visit: Go) -> None:
    seen = visit(RELAXED, java_script_enabled=False)
    expect(seen.page.locator("button.crystal").first).to_be_hidden()
