"""Cards: what is right is read, what is wrong is named by file, field and reason."""

from __future__ import annotations

import pytest

from tests import toy
from zoo import elements, index
from zoo.card import parse_card
from zoo.errors import CardError, ModeError, UnknownModel
from zoo.mode import Mode


def wrong(change: tuple[str, str], text: str = toy.CARD) -> str:
    before, after = change
    assert before in text
    with pytest.raises(CardError) as caught:
        parse_card(text.replace(before, after), name="toy", file="toy.md")
    return str(caught.value)


def test_every_card_of_the_zoo_is_valid_and_pinned() -> None:
    cards = index.cards()
    assert {"chgnet-0.3.0", "chgnet-0.2.0", "chgnet-r2scan", "sevennet-0", "sevennet-l3i5", "sevennet-mf-0"} <= {
        card.name for card in cards
    }
    for card in cards:
        assert card.checkpoint.safetensors, card.name
        assert card.prose.strip(), card.name
        assert card.superseded_by is None or card.superseded_by in index.names(), card.name


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("parameters: 1", "parameters: many"), "toy.md: parameters: "),
        (("parameters: 1", "parameters: 0"), "parameters: Input should be greater than 0"),
        (("title: Toy", "title: No"), "must be text, but YAML reads it as False; put it in quotes"),
        (("title: Toy", "title: 1.10"), "must be text, but YAML reads it as 1.1; put it in quotes"),
        (("cutoff: 6.0", "cutoff: 6e-1"), "must be a number, but YAML reads '6e-1' as text"),
        (("cutoff: 6.0", "cutof: 6.0"), "toy.md: cutof: no such field"),
        (("cutoff: 6.0\n", ""), "toy.md: cutoff: missing"),
        (("cutoff: 6.0", "cutoff: 6.0\ncutoff: 5.0"), "key 'cutoff' twice"),
        (("family: toy", "family: ../toy"), "toy.md: family: "),
        (("elements: H-Og", "elements: H-Xx"), "no such element: 'Xx'"),
        (("elements: H-Og", "elements: Og-H"), "runs backwards"),
        (("elements: H-Og", "elements: [H, H]"), "an element stands twice"),
        (("training_sets: [mptrj]", "training_sets: [mptrj2]"), "not in training_sets.yaml: mptrj2"),
        (("https://example.org/paper", "javascript:alert(1)"), "toy.md: paper: "),
        (("title: Toy", "title: <script>alert(1)</script>"), "toy.md: title: "),
        (("0" * 64, "0" * 63), "toy.md: checkpoint.upstream.sha256: "),
        (("bytes: 1}", "bytes: 1, sources: [{url: 'http://example.org/x'}]}"), "sources.0"),
        (("bytes: 1}", "bytes: 1, sources: [{wheel: chgnet, file: x}]}"), "sources.0"),
        (("bytes: 1}", "bytes: 1, sources: [{wheel: a==1, file: ../../x}]}"), "without '..'"),
        (("bytes: 1}", "bytes: 1, sources: [{hub: a/b, revision: main, file: x}]}"), "revision"),
        (("title: Toy", "title: &a Toy\npaper2: *a"), "aliases are not allowed"),
        (("title: Toy", "name: other\ntitle: Toy"), "a card's name is its file's name"),
        (("---\nFor", "\nFor"), "the front matter is never closed"),
        (("title: Toy", "title: [unclosed"), "toy.md:"),
    ],
)
def test_a_wrong_card_says_file_field_and_reason(change: tuple[str, str], told: str) -> None:
    assert told in wrong(change)


def test_element_ranges() -> None:
    assert elements.expand("H-Be, Na") == ("H", "He", "Li", "Be", "Na")
    assert len(elements.expand("H-Bi, Ac-Pu")) == 89


def test_unknown_names_bring_close_ones() -> None:
    with pytest.raises(UnknownModel, match=r"Did you mean 'chgnet-0\.3\.0'") as caught:
        index.card("chgnet-0.3")
    assert f"'mlip-zoo list' shows all {len(index.names())}" in str(caught.value)


@pytest.mark.parametrize("name", ["../secrets", "/etc/passwd", "", "chgnet-0.3.0.md", "chgnet-0.3.0\x00"])
def test_a_name_is_never_a_path(name: str) -> None:
    with pytest.raises(UnknownModel):
        index.card(name)


@pytest.mark.parametrize(
    "entry",
    [
        "chgnet-0.3.0@conservative",
        "chgnet-0.3.0@conservative+float64",
        "sevennet-mf-0@conservative+r2scan",
        "sevennet-mf-0@conservative+pbe+float64",
        "chgnet-0.3.0@conservative+o3-3",
        "chgnet-0.3.0@conservative+o3-7-inversion+float64",
        "sevennet-mf-0@conservative+pbe+space-group",
        "chgnet-0.3.0@conservative+random-frame",
    ],
)
def test_entry_names_round_trip(entry: str) -> None:
    assert index.entry_name(*index.resolve(entry)) == entry


def test_a_mode_is_canonical_whatever_the_order() -> None:
    assert str(Mode.parse("float64+r2scan")) == "conservative+r2scan+float64"
    assert (
        index.entry_name(*index.resolve("sevennet-mf-0@float64+r2scan")) == "sevennet-mf-0@conservative+r2scan+float64"
    )
    assert str(Mode.parse("float64+o3-5+direct")) == "direct+o3-5+float64"
    assert index.entry_name(*index.resolve("chgnet-0.3.0", averaging="o3-3")) == "chgnet-0.3.0@conservative+o3-3"
    assert (
        index.entry_name(*index.resolve("sevennet-mf-0", dtype="float64")) == "sevennet-mf-0@conservative+pbe+float64"
    )


@pytest.mark.parametrize(
    ("entry", "asked", "told"),
    [
        ("chgnet-0.3.0@direct", {}, "has no forces 'direct'. It has: forces conservative"),
        ("chgnet-0.3.0@r2scan", {}, "has no fidelity 'r2scan'"),
        ("sevennet-mf-0@scan", {}, "It has: forces conservative; fidelity pbe, r2scan"),
        ("chgnet-0.3.0", {"runtime": "compiled"}, "has no runtime 'compiled'"),
        ("chgnet-0.3.0@float32+float64", {}, "gives dtype twice"),
        ("chgnet-0.3.0@o3-3+o3-5", {}, "gives averaging twice"),
        ("chgnet-0.3.0@o3-3", {"averaging": "none"}, "keep one"),
        (
            "chgnet-0.3.0",
            {"averaging": "o3-4"},
            "has no averaging 'o3-4'. It has: forces conservative; averaging none, o3-3",
        ),
        ("chgnet-0.3.0@o3-4", {}, "averaging none, o3-3, o3-5, o3-7"),
        ("chgnet-0.3.0@float32", {"dtype": "float64"}, "keep one"),
        ("chgnet-0.3.0@<b>", {}, "is no part of a mode"),
    ],
)
def test_a_mode_that_is_not_there_says_what_is(entry: str, asked: dict[str, str], told: str) -> None:
    with pytest.raises(ModeError) as caught:
        index.resolve(entry, **asked)
    assert told in str(caught.value)


def test_theory_follows_from_the_training_sets() -> None:
    assert index.card("chgnet-0.3.0").theory() == "PBE"
    assert index.card("chgnet-r2scan").theory() == "r2SCAN"
    both = index.card("sevennet-mf-0")
    assert (both.theory(), both.theory("r2scan")) == ("PBE + r2SCAN", "r2SCAN")
