"""Every place in a card that takes a text, with markup and with a path out of the folder in it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from zoo.cards.card import Card, parse_card
from zoo.errors import CardError

SHA = "0" * 64
PINNED = {
    "upstream_format": "torch-pickle",
    "upstream": {
        "sha256": SHA,
        "bytes": 1,
        "sources": [
            {"hub": "a/b", "revision": "a" * 40, "file": "x.pt"},
            {"wheel": "a==1", "file": "x.pt"},
            {"url": "https://example.org/x.pt"},
        ],
    },
    "upstream_config": {"sha256": SHA, "bytes": 1},
    "safetensors": {"weights": {"sha256": SHA, "bytes": 1}, "config": {"sha256": SHA, "bytes": 1}},
}
WHOLE: dict[str, Any] = {
    "title": "Toy",
    "family": "toy",
    "released": "2026-01-01",
    "parameters": 1,
    "cutoff": 6.0,
    "elements": "H-Og",
    "training_sets": ["mptrj"],
    "pretraining_sets": ["omat24"],
    "energies": "dft",
    "forces": ["conservative"],
    "rotation": "exact",
    "inversion": "exact",
    "cutoff_crossing": "smooth",
    "fidelities": {"pbe": "mptrj"},
    "dtypes": ["float32"],
    "runtimes": ["eager"],
    "licence": {"code": "MIT", "weights": "MIT"},
    "paper": "https://example.org/paper",
    "code": "https://example.org/code",
    "checkpoint": PINNED,
    "canary": {
        "crystal": "nacl-rocksalt",
        "energy_ev_per_atom": 0.0,
        "max_force_ev_per_angstrom": 0.0,
        "pressure_gpa": 0.0,
    },
    "defects": {"extensivity": {"eV/atom": 0.1}},
    "claims": [{"task": "eos", "metric": "delta", "value": 1.0, "subset": "fast", "source": "https://example.org/x"}],
    "demonstration": False,
    "superseded_by": "other",
    "withdrawn": {"day": "2026-01-01", "reason": "Its labels were wrong."},
}
PLACES: list[dict[str, Any]] = [
    {"hub": "a/b", "revision": "main", "file": "x.safetensors", "config": "x.json"},
    {"wheel": "a==1", "file": "x.pt"},
    {"url": "https://example.org/x.pt"},
    {"page": "https://example.org/x"},
]
UNPINNED = [
    {
        **{key: value for key, value in WHOLE.items() if key != "canary"},
        "checkpoint": {"unpinned": place, **({} if "config" in place else {"upstream_format": "torch-pickle"})},
    }
    for place in PLACES
]
FREE = {"title", "licence.code", "licence.weights", "withdrawn.reason"}
"""Texts for a reader: a path in one of them is only words."""

Steps = tuple[str | int, ...]


def parsed(data: dict[str, Any]) -> Card:
    lines = (f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in data.items())  # which is YAML
    return parse_card("\n".join(["---", *lines, "---", "Words.", ""]), name="toy", file="toy.md")


def leaves(value: Any, steps: Steps = ()) -> Iterator[Steps]:
    """Where the values are that hold no others, and the keys that an author chose."""
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inner is None:
        yield steps
        return
    for key, each in inner:
        yield from leaves(each, (*steps, key))


def changed(data: dict[str, Any], steps: Steps, text: str, *, key: bool = False) -> dict[str, Any]:
    copied = copy.deepcopy(data)
    place: Any = copied
    for step in steps[:-1]:
        place = place[step]
    if key:
        place[text] = place.pop(steps[-1])
    else:
        place[steps[-1]] = text
    return copied


CASES = [(WHOLE, steps) for steps in leaves(WHOLE)]
CASES += [(data, steps) for data in UNPINNED for steps in leaves(data["checkpoint"], ("checkpoint",))]


def test_the_cards_have_every_field_that_an_author_writes() -> None:
    for data in (WHOLE, *UNPINNED):
        assert parsed(data).title == "Toy"
    assert Card.model_fields.keys() - WHOLE.keys() == {"name", "prose", "checks", "authors"}


@pytest.mark.parametrize("text", ["<script>window.pwned</script>", "../../../etc/passwd"], ids=["markup", "path"])
@pytest.mark.parametrize(
    ("data", "steps"), CASES, ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else ""
)
def test_a_field_takes_neither(data: dict[str, Any], steps: Steps, text: str) -> None:
    field = ".".join(map(str, steps))
    if text.startswith("..") and field in FREE:
        assert text in parsed(changed(data, steps, text)).model_dump_json()
        return
    with pytest.raises(CardError, match=str(steps[0])):
        parsed(changed(data, steps, text))


@pytest.mark.parametrize("text", ["<b>", "../x"])
@pytest.mark.parametrize(
    "steps", [("fidelities", "pbe"), ("defects", "extensivity"), ("defects", "extensivity", "eV/atom")]
)
def test_nor_does_a_key(steps: Steps, text: str) -> None:
    with pytest.raises(CardError, match=str(steps[0])):
        parsed(changed(WHOLE, steps, text, key=True))
