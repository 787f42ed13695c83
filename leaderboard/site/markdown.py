"""Markdown: a model card's prose as HTML. A card is untrusted text: nothing in it may act on a page."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token
    from markdown_it.utils import OptionsDict


def prose_html(markdown: str, *, top: int = 3) -> str:
    """CommonMark with tables as HTML that is safe to put on a page; its highest headings become h<top>.

    Raw HTML comes out as text, a link that is not https as its source, an image as its description in words: a page
    loads nothing from elsewhere.
    """
    return str(_markdown().render(markdown, {"top": top}))


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    # the library's own filter lets http, mailto and data:image through
    parser.validateLink = _is_https  # type: ignore[method-assign]
    parser.add_render_rule("link_open", _link_open)
    parser.add_render_rule("image", _image)
    parser.core.ruler.push("fit_the_page", _fit_the_page)
    return parser


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname)


def _link_open(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: MutableMapping[str, object]
) -> str:
    tokens[index].attrSet("rel", "nofollow noopener noreferrer")
    return renderer.renderToken(tokens, index, options, env)


def _image(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: MutableMapping[str, object]
) -> str:
    from markdown_it.common.utils import escapeHtml

    alt = renderer.renderInlineAsText(tokens[index].children or [], options, env)
    return f"<em>[image: {escapeHtml(alt)}]</em>"


def _fit_the_page(state: object) -> None:
    """Headings below the page's own, and alignment of cells by class: the page's policy forbids inline styles."""
    from markdown_it.rules_core import StateCore

    state = cast(StateCore, state)
    levels = [int(token.tag[1]) for token in state.tokens if token.type == "heading_open"]
    highest = min(levels, default=1)
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) - highest + state.env['top'])}"
        elif style := token.attrs.pop("style", None):
            token.attrSet("class", str(style).replace("text-align:", "align-"))
