"""A card's prose on a page: a stranger's text that must not act."""

from __future__ import annotations

import pytest

from leaderboard.site.markdown import prose_html

REL = 'rel="nofollow noopener noreferrer"'


def test_prose_is_commonmark_with_tables() -> None:
    html = prose_html("It **works**, see `x`.\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n")
    assert "<strong>works</strong>" in html
    assert "<code>x</code>" in html
    assert '<td class="align-right">2</td>' in html
    assert "style=" not in html


def test_headings_stand_below_the_pages_own() -> None:
    assert prose_html("# One\n\n###### Six") == "<h3>One</h3>\n<h6>Six</h6>\n"
    assert prose_html("## Two\n\n### Three", top=2) == "<h2>Two</h2>\n<h3>Three</h3>\n"


def test_https_links_are_links_and_nobody_vouches_for_them() -> None:
    assert prose_html("[paper](https://example.org/a)") == f'<p><a href="https://example.org/a" {REL}>paper</a></p>\n'
    assert (
        prose_html("<https://example.org>") == f'<p><a href="https://example.org" {REL}>https://example.org</a></p>\n'
    )


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org",
        "//example.org",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java&#115;cript:alert(1)",
        "javascript&colon;alert(1)",
        "data:text/html;base64,PHNjcmlwdD4=",
        "vbscript:x",
        "file:///etc/passwd",
        "mailto:a@example.org",
        "../../index.html",
        "#main",
        "https:",
        "https://",
        "https:\\\\example.org",
        "https://[::1",
    ],
)
def test_other_addresses_are_not_links(address: str) -> None:
    for source in (f"[text]({address})", f"<{address}>", f"[text][r]\n\n[r]: {address}"):
        assert "<a " not in prose_html(source)


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "text <script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<a href='javascript:alert(1)'>x</a>",
        "<style>body { display: none }</style>",
        "<!-- comment -->",
        "<iframe src=https://example.org></iframe>",
        "```html\n<script>alert(1)</script>\n```",
        "    <script>alert(1)</script>",
        "`<script>`",
        '```"><script>\nx\n```',
        '[x](https://example.org "\\"><script>")',
        "![<script>](https://example.org/a.png)",
    ],
)
def test_html_comes_out_as_text(source: str) -> None:
    html = prose_html(source)
    for tag in ("<script", "<img", "<style", "<iframe", "<!--", "<a href='"):
        assert tag not in html


def test_an_image_is_its_description() -> None:
    assert prose_html('![a "b" & c](https://example.org/a.png)') == "<p><em>[image: a &quot;b&quot; &amp; c]</em></p>\n"
