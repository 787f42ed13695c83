"""Front page with many rows in headless Chromium: what a sort and a filter take, and what the first load brings.

    python tests/benchmarks/front_page.py [ROWS]

The rows are those of the published results under other names. Times are of the page's own thread (its scripts, styles
and layout), so that other work on the machine does not count; medians over repetitions.
"""

from __future__ import annotations

import gzip
import json
import shutil
import statistics
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import CDPSession, Page, sync_playwright

from leaderboard.analysis.phonon_safety import limits
from leaderboard.articles.evidence import gather
from leaderboard.ranking.board import boards
from leaderboard.ranking.collect import PUBLISHED, collect
from leaderboard.ranking.overview import Checkpoint
from leaderboard.site.front import Front, front
from leaderboard.site.server import server
from leaderboard.site.templating import Renderer

STATIC = Path(__file__).parents[2] / "leaderboard" / "site" / "static"
REPETITIONS = 5
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def main(rows: int = 1000) -> None:
    """Print figures as JSON."""
    chromium = shutil.which("chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = Path(folder)
        shutil.copytree(STATIC, site / "static")
        (site / "index.html").write_text(page(rows), encoding="utf-8")
        with server(site, port=0) as running:
            threading.Thread(target=running.serve_forever, daemon=True).start()
            browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
            found = measure(browser.new_page(), f"http://127.0.0.1:{running.server_port}/index.html")
            browser.close()
            running.shutdown()
        loaded = ("index.html", "static/site.css", "static/overview.js", "static/icon.svg")
        sizes = {name: len(gzip.compress((site / name).read_bytes(), 9)) for name in loaded}
        told = {"rows": rows, "kB_gzipped": round(sum(sizes.values()) / 1000, 1), **found}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")


def page(rows: int) -> str:
    """The front page with so many rows, each a checkpoint of its own."""
    collection = collect([PUBLISHED])
    evidence, _ = gather(collection)
    made = boards(collection.entries)
    found = front(collection.entries, made, limits(evidence.curves, evidence.entries))
    few = found.table.rows
    many = [replace(few[i % len(few)], name=f"{few[i % len(few)].name}-{i}") for i in range(rows)]
    facts = {row.name: found.facts[few[i % len(few)].name] for i, row in enumerate(many)}
    table = replace(found.table, checkpoints=tuple(Checkpoint(row, ()) for row in many))
    return Renderer()(
        "index.html.j2",
        front=Front(table, facts, found.limits),
        faults=[],
        caveats=[],
        latest={},
        waiting=0,
        listed=rows,
    )


def measure(page: Page, address: str) -> dict[str, object]:
    """Milliseconds of the page's thread."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    load = timed(session, page, lambda: page.goto(address))
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null")
    button = page.locator("#overview thead th[data-key] button").nth(1)
    box = page.locator("input[data-facet=q]").first
    sorts = [timed(session, page, lambda: button.evaluate("each => each.click()")) for _ in range(REPETITIONS)]
    filters = [
        timed(
            session,
            page,
            lambda words=words: box.evaluate(  # type: ignore[misc]
                "(each, words) => { each.value = words; each.dispatchEvent(new Event('input', { bubbles: true })); }",
                words,
            ),
        )
        for words in ("c", "ch", "chgnet", "", "seven")
    ]
    box.evaluate("each => { each.value = ''; each.dispatchEvent(new Event('input', { bubbles: true })); }")
    every = timed(session, page, lambda: page.locator("button.more").evaluate("each => each.click()"))
    after = timed(session, page, lambda: button.evaluate("each => each.click()"))
    return {
        "load_ms": round(load, 1),
        "first_contentful_paint_wall_ms": paint,
        "sort_ms": round(statistics.median(sorts), 1),
        "filter_ms": round(statistics.median(filters), 1),
        "show_all_ms": round(every, 1),
        "sort_after_show_all_ms": round(after, 1),
    }


def timed(session: CDPSession, page: Page, act: Callable[[], object]) -> float:
    """Thread time of the page while it acts and lays out what follows, ms."""
    before = busy(session)
    act()
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return 1000 * (busy(session) - before)


def busy(session: CDPSession) -> float:
    """Seconds that the page's thread has worked."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
