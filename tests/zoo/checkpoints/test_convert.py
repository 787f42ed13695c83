"""Conversion, with the toy family: what is converted loads alike, what is pinned must come out as pinned."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

import zoo.adapters
from tests import toy
from zoo.cards.card import Card
from zoo.cards.checkpoint import Checkpoint, PinnedFile, Safetensors, UrlSource
from zoo.checkpoints import cache, convert
from zoo.checkpoints.model_files import prepare
from zoo.errors import ConversionError
from zoo.files import write_text

UPSTREAM = '{"epsilon": 0.1, "sigma": 2.2}'


def pinned(data: bytes) -> PinnedFile:
    return PinnedFile(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Card:
    """A toy whose upstream checkpoint is in the store, and whose adapter is among the families."""
    monkeypatch.setenv("MLIP_ZOO_CACHE", str(tmp_path / "cache"))
    adapters = tmp_path / "adapters"
    adapters.mkdir()
    shutil.copy(toy.ADAPTER, adapters)
    monkeypatch.setattr("zoo.adapters.FOLDER", adapters)
    write_text(tmp_path / "upstream.json", UPSTREAM)
    upstream = pinned(UPSTREAM.encode())
    cache.store(tmp_path / "upstream.json", upstream)
    found = Checkpoint(upstream=upstream, upstream_format="torch-pickle")
    return toy.card().model_copy(update={"checkpoint": found})


def with_safetensors(card: Card, weights: PinnedFile, config: PinnedFile) -> Card:
    both = card.checkpoint.model_copy(update={"safetensors": Safetensors(weights=weights, config=config)})
    return card.model_copy(update={"checkpoint": both})


def test_a_conversion_proves_itself_and_has_the_same_bytes_every_time(card: Card, tmp_path: Path) -> None:
    first = convert.convert(card, tmp_path / "a")
    second = convert.convert(card, tmp_path / "b")
    assert first.exact
    assert (first.tensors, first.different_tensors, len(first.crystals)) == (1, (), 5)
    assert (first.weights_sha256, first.config_sha256) == (second.weights_sha256, second.config_sha256)


def test_a_difference_is_reported(card: Card, tmp_path: Path) -> None:
    adapter = zoo.adapters.FOLDER / "toy.py"
    # an adapter that forgets a digit of its weights when it reads them back
    adapter.write_text(adapter.read_text().replace('["epsilon"], json', '["epsilon"] * 1.0001, json'))
    done = convert.convert(card, tmp_path / "out")
    assert not done.exact
    assert done.different_tensors == ("epsilon",)
    assert done.energy_difference > 0
    assert done.force_difference > 0


def test_loading_prefers_safetensors_made_here_once(card: Card, tmp_path: Path) -> None:
    done = convert.convert(card, tmp_path / "out")
    card = with_safetensors(card, pinned(done.weights.read_bytes()), pinned(done.config.read_bytes()))
    made = prepare(card)
    assert set(made) == {"weights", "config"}
    assert made["weights"].read_bytes() == done.weights.read_bytes()
    shutil.rmtree(zoo.adapters.FOLDER)  # nothing is converted any more
    assert prepare(card) == made


def test_a_conversion_that_is_not_the_pinned_one_is_refused(card: Card, tmp_path: Path) -> None:
    card = with_safetensors(card, pinned(b"other weights"), pinned(b"other config"))
    with pytest.raises(ConversionError, match="the card pins") as caught:
        prepare(card)
    assert hashlib.sha256(b"other weights").hexdigest() in str(caught.value)
    wanted = card.checkpoint.safetensors
    assert wanted is not None
    assert cache.cached(wanted.weights) is None


def test_without_pinned_safetensors_the_upstream_file_goes_to_the_worker(card: Card) -> None:
    assert set(prepare(card)) == {"upstream"}


def test_sources_that_fail_lead_to_a_conversion(card: Card, tmp_path: Path) -> None:
    done = convert.convert(card, tmp_path / "out")
    nowhere = (UrlSource(url="http://127.0.0.1:9/nothing"),)
    weights = pinned(done.weights.read_bytes()).model_copy(update={"sources": nowhere})
    config = pinned(done.config.read_bytes()).model_copy(update={"sources": nowhere})
    assert set(prepare(with_safetensors(card, weights, config))) == {"weights", "config"}
