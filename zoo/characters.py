"""Characters of untrusted text: those that act or cannot be seen, and what a name looks like to a reader."""

from __future__ import annotations

import re
import unicodedata

# C0 and C1 controls (terminals obey them), marks that turn the direction of what follows, invisible characters, line
# and paragraph separators, and halves of surrogate pairs, which no file can be written with
CONTROL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e0fff]"
)
"""Any of them but the newline."""

_LAST_LATIN = "\u017f"
"""Up to here Unicode's Latin letters are those of European languages; beyond are phonetic signs that look like them."""
_LOOKS = str.maketrans({"0": "o", "1": "l", "i": "l", "\u0131": "l", "|": "l"})


def first_control(text: str) -> str | None:
    """The first control or invisible character, by number and name; None where there is none."""
    found = CONTROL.search(text)
    return named(found[0]) if found else None


def named(character: str) -> str:
    """`U+202E RIGHT-TO-LEFT OVERRIDE`."""
    return f"U+{ord(character):04X} {unicodedata.name(character, 'control character')}"


def first_foreign(text: str) -> str | None:
    """The first character that can pass for another one in a title: `U+0422 CYRILLIC CAPITAL LETTER TE`, or None.

    Letters are Latin, digits those of ASCII, and nothing is a variant of another character (fullwidth, mathematical,
    superscript: what Unicode's NFKC would replace) or a mark of its own that changes the letter before it.
    """
    for character in text:
        kind = unicodedata.category(character)
        latin = kind[0] != "L" or character <= _LAST_LATIN
        digit = kind[0] != "N" or character.isascii()
        if not (latin and digit) or kind[0] == "M" or not unicodedata.is_normalized("NFKC", character):
            return named(character)
    return None


def appearance(name: str) -> str:
    """What a reader takes a name for: without case, accents, blanks and punctuation; 0 is o, and 1 and i are l."""
    bare = (c for c in unicodedata.normalize("NFKD", name).casefold() if not unicodedata.combining(c))
    return "".join(c for c in "".join(bare).translate(_LOOKS) if c.isalnum())
