"""Cards: what is right is read, what is wrong is named by file, field and reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

from tests import toy
from zoo.adapters import families
from zoo.cards import elements, index
from zoo.cards.card import parse_card
from zoo.cards.checkpoint import WebPage
from zoo.cards.mode import Mode
from zoo.cards.training_sets import training_sets
from zoo.errors import CardError, ModeError, UnknownModel


def wrong(change: tuple[str, str], text: str = toy.CARD) -> str:
    before, after = change
    assert before in text
    with pytest.raises(CardError) as caught:
        parse_card(text.replace(before, after), name="toy", file="toy.md")
    return str(caught.value)


def test_every_card_of_the_zoo_is_valid() -> None:
    cards = index.cards()
    assert index.survey().faults == ()
    assert len(cards) >= 60
    verified = {card.name for card in cards if card.verified}
    assert {
        "chgnet-0.3.0",
        "chgnet-0.2.0",
        "chgnet-r2scan",
        "sevennet-0",
        "tensornet-matpes-pbe",
        "pet-tiny",
    } <= verified
    for card in cards:
        assert card.prose.strip(), card.name
        # where nothing can be run, the prose is all that a visitor has
        sentences = card.prose.count(". ") + card.prose.count(".\n")
        assert card.checkpoint.pinned or sentences >= 2, f"{card.name}: say what it is in some sentences"
        assert card.superseded_by is None or card.superseded_by in index.names(), card.name
        assert card.superseded_by != card.name
        assert all(card.passed(card.mode(mode)) for mode in card.checks), f"{card.name}: a record of other claims"
        if card.verified:
            assert card.family in families(), card.name


def test_the_families_that_the_field_uses_have_cards() -> None:
    count = Counter(card.family for card in index.cards())
    several = {
        "chgnet",
        "sevennet",
        "mace",
        "orb",
        "mattersim",
        "matgl",
        "fairchem",
        "pet",
        "grace",
        "nequip",
        "deepmd",
    }
    assert {family for family in several if count[family] < 2} == set()
    assert {"eqnorm", "hienet", "equflash", "matris", "alphanet", "equiformer_v3", "tace"} <= count.keys()


def test_no_two_cards_are_one() -> None:
    """Neither by a name that differs in case, nor by title, nor by the file that they load."""
    cards = index.cards()
    assert repeated(card.name.lower() for card in cards) == []
    assert repeated(card.title.casefold() for card in cards) == []
    # several cards may send people to one page, never to one file
    places = [card.checkpoint.unpinned for card in cards if not isinstance(card.checkpoint.unpinned, WebPage)]
    assert repeated(str(place) for place in places if place) == []
    hashes = [file.sha256 for card in cards for file in (card.checkpoint.upstream,) if file]
    assert repeated(hashes) == []


def test_every_entry_of_every_card_round_trips() -> None:
    for card in index.cards():
        for forces in card.forces:
            for fidelity in card.fidelities or [None]:
                entry = index.entry_name(card, card.mode(None, forces=forces, fidelity=fidelity))
                assert index.entry_name(*index.resolve(entry)) == entry


def test_two_heads_of_one_checkpoint_are_two_entries() -> None:
    for head in ("conservative", "direct"):
        assert index.entry_name(*index.resolve(f"pet-mad-s-1.6.0@{head}")) == f"pet-mad-s-1.6.0@{head}"
    with pytest.raises(ModeError, match=r"has no forces 'conservative'\. It has: forces direct"):
        index.resolve("orb-v2@conservative")


def test_a_training_set_that_no_card_names_is_not_kept() -> None:
    named = {name for card in index.cards() for name in (*card.training_sets, *card.pretraining_sets)}
    assert training_sets().keys() == named


def repeated(values: Iterable[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("parameters: 1", "parameters: many"), "toy.md: parameters: "),
        (("parameters: 1", "parameters: 0"), "parameters: Input should be greater than 0"),
        (
            ("title: Toy", "title: No"),
            "toy.md: title: No can be read as a boolean: write that as true or false",
        ),
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
        (("energies: dft\n", ""), "toy.md: energies: missing"),
        (("rotation: exact\n", ""), "toy.md: rotation: missing"),
        (("weights: MIT}", "weights: 'MIT'}\nsize: 1"), "toy.md: size: no such field"),
        (("{code: MIT, weights: MIT}", "{code: MIT}"), "toy.md: licence.weights: missing"),
        (("training_sets: [mptrj]", "training_sets: []"), "toy.md: training_sets: "),
        (("forces: [conservative]", "forces: []"), "toy.md: forces: "),
        (("bytes: 1}", "bytes: 1}\n  unpinned: {url: https://example.org/x}"), "or unpinned without them"),
        (("---\nFor", "\nFor"), "the front matter is never closed"),
        (("title: Toy", "title: [unclosed"), "toy.md:"),
    ],
)
def test_a_wrong_card_says_file_field_and_reason(change: tuple[str, str], told: str) -> None:
    assert told in wrong(change)


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("{hub: a/b}", "file"),
        ("{hub: a, file: x.pt}", "hub"),
        ("{hub: a/b, file: ../x.pt}", "without '..'"),
        ("{hub: a/b, file: x.pt, revision: a b}", "revision"),
        ("{hub: a/b, file: x.pt, sha256: ab}", "no such field"),
        ("{url: http://example.org/x.pt}", "url"),
        ("{page: javascript:alert(1)}", "page"),
        ("{}", "missing"),
    ],
)
def test_a_place_is_as_strict_as_a_pin(place: str, told: str) -> None:
    text = toy.CARD[: toy.CARD.index("  upstream_format")] + f"  unpinned: {place}\n---\n"
    with pytest.raises(CardError) as caught:
        parse_card(text, name="toy", file="toy.md")
    assert "toy.md: checkpoint.unpinned" in str(caught.value)
    assert told in str(caught.value)


def test_a_canary_is_of_bytes_that_are_known() -> None:
    start, end = toy.CARD.index("  upstream_format"), toy.CARD.index("canary:")
    text = toy.CARD[:start] + "  unpinned: {url: https://example.org/x.pt}\n" + toy.CARD[end:]
    with pytest.raises(CardError, match="this checkpoint is unpinned"):
        parse_card(text, name="toy", file="toy.md")


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


def test_who_taught_a_model_follows_from_the_training_sets() -> None:
    assert index.card("pet-n").teachers == ("nequix-oam-1",)
    assert index.card("chgnet-0.3.0").teachers == ()
    teachers = {found.teacher for found in training_sets().values() if found.teacher}
    assert teachers <= set(index.names())


def test_theory_follows_from_the_training_sets() -> None:
    assert index.card("chgnet-0.3.0").theory() == "PBE"
    assert index.card("chgnet-r2scan").theory() == "r2SCAN"
    both = index.card("sevennet-mf-0")
    assert (both.theory(), both.theory("r2scan")) == ("PBE + r2SCAN", "r2SCAN")
