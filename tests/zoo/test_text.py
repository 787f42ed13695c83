"""Text of a worker: bounded, and without characters that act on a terminal or a page."""

from __future__ import annotations

import pytest

from zoo.text import last_lines, one_line, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("eV/Å³, 5 × 10⁻³", "eV/Å³, 5 × 10⁻³"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07ok", "ok"),
        ("a\x00b\x9bc\u202ed\u2066e", "a b c d e"),
        ("zero\u200bwidth", "zero width"),
        ("half \ud800 pair", "half   pair"),
        ("two\nlines", "two lines"),
        ("x" * 50, "x" * 18 + " …"),
    ],
)
def test_one_line(text: str, shown: str) -> None:
    assert one_line(text, limit=20) == shown


def test_lines_are_counted() -> None:
    text = "\n".join(str(number) for number in range(1000))
    assert plain(text, limit=100, lines=3) == "0\n1\n2 …"
    assert last_lines(text, limit=100, lines=3) == "997\n998\n999"
    assert plain("a\nb", limit=100, lines=3) == "a\nb"
    assert len(plain("x" * 10**7, limit=100)) == 100
