"""Soundness of pages: what axe-core, the widths and the forms of every page of a site say in both themes and two sizes.

`python -m tests.browser.soundness SITE` asks it of a folder that `mlip-zoo site build` wrote.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, ViewportSize, sync_playwright

from leaderboard.site.server import server

LOOKS: tuple[tuple[int, Literal["light", "dark"]], ...] = (
    (1440, "light"),
    (1440, "dark"),
    (390, "dark"),
    (390, "light"),
)
"""Width in pixels and theme; a page is loaded once for all of them."""
RULES = {(1440, "dark"): ("color-contrast",), (390, "light"): ("scrollable-region-focusable",)}
"""What axe is asked of a look besides the first, of which it is asked everything."""

_AXE = """async (rules) => {
    const { violations } = await axe.run(rules ? { runOnly: { type: "rule", values: rules } } : {});
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 200)}`));
}"""
_UNNAMED = (
    "all => all.filter(each => !(each.labels?.length || each.getAttribute('aria-label') "
    "|| each.textContent.trim())).map(each => 'no name: ' + each.outerHTML)"
)


def pages(site: Path) -> list[str]:
    """Every page of a site, from its folder."""
    return sorted(str(path.relative_to(site)) for path in site.rglob("*.html"))


def findings(page: Page, paths: Sequence[str], address: str) -> list[str]:
    """What is wrong with these pages of a site that is served at `address`, a line each; none where all are sound."""
    found = []
    for path in paths:
        page.goto(f"{address}/{path}")
        page.evaluate(library())
        found += [f"{path}: {each}" for each in _of_page(page)]
    return found


def _of_page(page: Page) -> Iterator[str]:
    for width, theme in LOOKS:
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size(ViewportSize(width=width, height=900))
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            yield f"{width} px: {wide} px wide"
        if (width, theme) == LOOKS[0] or (width, theme) in RULES:
            for each in violations(page, RULES.get((width, theme))):
                yield f"{width} px, {theme}: {each}"
    if page.locator("h1").count() != 1:
        yield "not one h1"
    if not page.locator('meta[name="description"]').get_attribute("content"):
        yield "no description"
    yield from page.locator("button, input, select").evaluate_all(_UNNAMED)


def violations(page: Page, rules: Sequence[str] | None) -> list[str]:
    """What axe-core, which is on the page already, says of it as it is: by some rules, or by all."""
    found: list[str] = page.evaluate(_AXE, None if rules is None else list(rules))
    return found


@cache
def library() -> str:
    """axe-core, out of its wheel."""
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def main() -> None:
    """Print what is wrong with a site, and what its pages said; ends with 1 where there is anything."""
    site, chromium = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None
    said: list[str] = []
    with server(site, port=0) as running, sync_playwright() as playwright:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.set_default_timeout(600_000)
        page.on("console", lambda message: said.append(f"{page.url}: {message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"{page.url}: {error}"))
        found = findings(page, pages(site), f"http://127.0.0.1:{running.server_port}") + said
        browser.close()
        running.shutdown()
        thread.join()
    sys.stdout.write("".join(f"{each}\n" for each in found) + f"{len(found)} findings\n")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
