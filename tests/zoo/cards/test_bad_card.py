"""One bad card: a line of warning where all cards are read, an error where it is asked for, and harm to no other."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests import toy
from zoo.cards import index
from zoo.cards.card import parse_card
from zoo.command import app
from zoo.errors import CardError
from zoo.loading import load

Make = Callable[[Path], object]

OTHER = toy.CARD.replace("title: Toy", "title: Another")
UNVERIFIED = "\n".join(line for line in OTHER.splitlines() if not line.startswith("canary"))


def written(before: str, after: str) -> Make:
    """A card that differs in one place."""
    assert before in OTHER
    return lambda path: path.write_text(OTHER.replace(before, after))


def data(content: bytes) -> Make:
    return lambda path: path.write_bytes(content)


def title(text: str) -> Make:
    return written("title: Another", f"title: {text}")


def parameters(text: str) -> Make:
    return written("parameters: 1", f"parameters: {text}")


def elements(text: str) -> Make:
    return written("elements: H-Og", f"elements: {text}")


def paper(text: str) -> Make:
    return written("https://example.org/paper", text)


BAD: dict[str, tuple[Make, str]] = {
    "not UTF-8": (data(OTHER.encode().replace(b"Another", b"An\xffther")), "bad.md:2: byte 0xFF is not UTF-8"),
    "a broken link": (lambda path: path.symlink_to("nowhere"), "cannot be read: No such file"),
    "a pipe": (os.mkfifo, "cannot be read: it is a pipe"),
    "a folder": (Path.mkdir, "cannot be read: it is a folder"),
    "empty": (data(b""), "the first line must be '---'"),
    "a large file": (data(OTHER.encode() + b"x" * 300_000), "more than 200,000 bytes"),
    "deep lists": (title("[" * 30_000), "title: more than 12 levels"),
    "deep lists, closed": (title("[" * 30_000 + "]" * 30_000), "title: more than 12 levels"),
    "deep mappings": (
        data(("---\n" + "\n".join(" " * n + "a:" for n in range(300)) + "\n---\n").encode()),
        "more than 12 levels",
    ),
    "aliases": (data(b"---\na: &a [x, x]\nb: [*a, *a]\n---\n"), "anchors and aliases are not allowed"),
    "many values": (title("[" + "a," * 20_000 + "a]"), "title: more than 10,000 values"),
    "a tag": (title("!!python/name:os.system"), "title: the tag"),
    "a key that is no text": (title("{1: a}"), "key '1' is not text"),
    "two documents": (title("Another\n...\n--- x"), "more than one YAML document"),
    "a missing field": (written("title: Another\n", ""), "title: missing"),
    "octal": (parameters("0412525"), "parameters: 0412525 can be read as a number"),
    "base 60": (title("1:30:00"), "title: 1:30:00 can be read as a number"),
    "grouped digits": (parameters("412_525"), "parameters: 412_525 can be read as a number"),
    "hexadecimal": (parameters("0x10"), "parameters: 0x10 can be read as a number"),
    "infinite": (written("cutoff: 6.0", "cutoff: .inf"), "cutoff: .inf can be read as a number"),
    "too large for a float": (written("cutoff: 6.0", "cutoff: 1.0e+999"), "cutoff: 1.0e+999 can be read as a number"),
    "a boolean": (title("on"), "title: on can be read as a boolean"),
    "digits for a hash": (written('"' + "0" * 64 + '"', "1" * 64), "sha256: 1111111111"),
    "5,000 digits": (parameters("9" * 5000), "parameters: 5,000 characters"),
    "a number of particles": (parameters("602214076000000000"), "parameters: Input should be less than"),
    "turned text": (title("'Ano\u202ether'"), "bad.md:2: holds U+202E RIGHT-TO-LEFT OVERRIDE"),
    "invisible text": (title("'Ano\u200bther'"), "bad.md:2: holds U+200B ZERO WIDTH SPACE"),
    "an escape sequence": (title('"Ano\\ether"'), "title: holds U+001B"),
    "an escape sequence below": (data((OTHER + "\x1b[31mred").encode()), "bad.md:21: holds U+001B"),
    "a Cyrillic letter": (title("An\u043ether"), "title: holds U+043E CYRILLIC SMALL LETTER O"),
    "a Greek letter": (title("\u0391nother"), "title: holds U+0391 GREEK CAPITAL LETTER ALPHA"),
    "a fullwidth letter": (title("\uff21nother"), "title: holds U+FF21 FULLWIDTH LATIN CAPITAL LETTER A"),
    "a title that looks like another": (
        lambda path: path.write_text(UNVERIFIED.replace("Another", "T0Y.")),
        "title: 'T0Y.' looks like that of toy.md",
    ),
    "a long title": (title("x" * 101), "title: String should have at most 100 characters"),
    "many elements": (elements(", ".join(["H-Og"] * 100)), "elements: an element stands twice"),
    "1 MB of elements": (elements("H, " * 30_000 + "H"), "elements: 90,001 characters"),
    "a list of elements": (elements(f"[{', '.join(['H'] * 119)}]"), "elements: 119 elements; there are 118"),
    "no element": (elements("[Xx]"), "elements: no such element: Xx"),
    "a user in a link": (paper("https://example.org@other.org/"), "paper: a link must not have 'user@'"),
    "a user in a link below": (
        data((OTHER + "<https://a@b.org/>").encode()),
        "a link below the front matter has 'user@'",
    ),
    "a backslash in a link": (paper(r"https://example.org\@other.org/"), "paper: "),
    "a link without TLS": (paper("http://example.org/paper"), "paper: a link begins with https://"),
    "another scheme": (paper("file:///etc/passwd"), "paper: a link begins with https://"),
    "a source of one kind": (
        written("bytes: 1}", "bytes: 1, sources: [{wheel: 'a==1', file: ../x}]}"),
        "checkpoint.upstream.sources.0.WheelSource.file: must be a plain relative path, without '..' (got '../x')",
    ),
    "many sources": (
        written("bytes: 1}", f"bytes: 1, sources: [{', '.join(['{url: https://a.org/x}'] * 21)}]}}"),
        "sources: Tuple should have at most 20 items",
    ),
}


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one good card."""
    folder = tmp_path / "cards"
    folder.mkdir()
    (folder / "toy.md").write_text(toy.CARD)
    toy.record(folder)
    monkeypatch.setenv("MLIP_ZOO_CARDS", str(folder))
    return folder


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_card_is_one_line_and_stops_no_command(cards: Path, caplog: pytest.LogCaptureFixture, kind: str) -> None:
    make, reason = BAD[kind]
    make(cards / "bad.md")
    listed = CliRunner().invoke(app(), ["list"])
    assert (listed.exit_code, listed.exception) == (0, None)
    assert "toy" in listed.stdout
    (warning,) = caplog.messages
    assert warning.startswith("bad.md")
    assert reason in warning
    assert len(warning.splitlines()) == 1
    assert len(warning) < 400
    assert index.resolve("toy")[0].title == "Toy"
    if "looks like" in reason:  # alone, it is right
        return
    for ask in (index.card, index.resolve, load):
        with pytest.raises(CardError) as caught:
            ask("bad")
        assert reason in str(caught.value)
    for command in ("show", "check"):
        assert isinstance(CliRunner().invoke(app(), [command, "bad"]).exception, CardError)


@pytest.mark.parametrize(
    "name", ["Toy", "TOY-2", "a toy", "t\u043ey", "new\nline", "-x", "x" * 61, "\x1b[31mred", os.fsdecode(b"t\xffy")]
)
def test_a_file_that_no_card_can_be_named_after(cards: Path, name: str) -> None:
    (cards / f"{name}.md").write_text(OTHER)
    found = index.survey()
    assert [card.name for card in found.cards] == index.names() == ["toy"]
    (fault,) = found.faults
    assert "named in lower-case letters" in fault
    assert fault.isprintable()
    with pytest.raises(CardError, match="named in lower-case letters"):
        index.card(name)


def test_of_two_names_that_look_alike_the_verified_one_is_kept(cards: Path) -> None:
    (cards / "t0y.md").write_text(UNVERIFIED)
    found = index.survey()
    assert [card.name for card in found.cards] == ["toy"]
    assert found.faults == ("t0y.md: name: 't0y' looks like that of toy.md",)


def test_markup_in_a_card_is_text(cards: Path) -> None:
    marked = "[bold]x[/] [/nope]"
    (cards / "toy.md").write_text(
        toy.CARD.replace("title: Toy", f"title: '{marked}'").replace("weights: MIT", "weights: '[/b]'")
    )
    shown = CliRunner().invoke(app(), ["show", "toy"])
    assert shown.exception is None
    assert marked in shown.stdout
    assert "weights [/b]" in shown.stdout


def test_a_card_of_many_faults_tells_the_first_of_them() -> None:
    keys = "\n".join(f"key{n}: 1" for n in range(1000))
    with pytest.raises(CardError) as caught:
        parse_card(toy.CARD.replace("title: Toy", f"title: Toy\n{keys}"), name="toy", file="toy.md")
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "toy.md: 980 further faults"
