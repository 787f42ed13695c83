"""The site of three models and a hostile one, served on loopback, and a browser that tells everything it does."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from leaderboard.ranking.collect import PUBLISHED, collect
from leaderboard.site import report as reports
from leaderboard.site.build import build
from leaderboard.site.server import server
from tests.leaderboard.curves import curves
from tests.leaderboard.specimens import HOSTILE, MODELS, write_card, write_result, write_timing
from zoo.files import write_json, write_text

WATCHDOG_MS = 600_000
"""For what hangs; on a busy machine Playwright's own 5 and 30 s decide a test."""

expect.set_options(timeout=WATCHDOG_MS)

# A browser that asks nobody for updates, and starts in a container.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the site of all of them, and the report of the hostile one."""
    folder = tmp_path_factory.mktemp("browser")
    cards, results = folder / "cards", folder / "results"
    cards.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLIP_ZOO_CARDS", str(cards))
        for name, model in {**MODELS, "hostile": HOSTILE}.items():
            write_card(cards, name, model)
            write_result(results, name, model)
            write_timing(results, name, model)
        write_json(results / "tolerance" / "toy" / "curves.json", curves().model_dump(mode="json"))
        shutil.copytree(PUBLISHED / "calibration", results / "calibration")
        assert build(collect([results]), folder / "site") == []
        write_text(folder / "report.html", reports.html(reports.report("hostile", [results])))
    return folder


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[str]:
    """Address of the served site, without a final slash."""
    with server(folder / "site", port=0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS), timeout=WATCHDOG_MS)
        yield running
        running.close()


@dataclass
class Visit:
    """A page, and what the browser said and asked for while it was open."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def visit(browser: Browser, site: str) -> Iterator[Callable[..., Visit]]:
    """Open a page of the site; keywords are the browser context's (viewport, color_scheme, java_script_enabled)."""
    contexts: list[BrowserContext] = []

    def go(path: str, **options: object) -> Visit:
        context = browser.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(WATCHDOG_MS)
        visit = Visit(context.new_page())
        visit.page.on("console", lambda message: visit.said.append(f"{message.type}: {message.text}"))
        visit.page.on("pageerror", lambda error: visit.said.append(f"error: {error}"))
        visit.page.on("dialog", lambda dialog: visit.said.append(f"dialog: {dialog.message}"))
        visit.page.on("request", lambda request: visit.asked.append(request.url))
        visit.page.goto(f"{site}/{path}")
        return visit

    yield go
    for context in contexts:
        context.close()
