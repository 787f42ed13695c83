"""Load on first use: a card without pins is pinned by who loads it, with the Hub's real client, and verified after."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import zoo
from tests import toy
from tests.faulty_server import Site, serve
from tests.hub_server import Hub, serve_hub
from tests.pinned import DATA, pinned
from zoo import example_crystals, settings
from zoo.cards import index
from zoo.cards.card import Card
from zoo.checkpoints import cache, download, first_use, sources, user_pins
from zoo.checkpoints.model_files import loaded_sha256, prepare
from zoo.command import app
from zoo.errors import ChecksumMismatch, OfflineError, PinsError, UnpinnedCheckpoint

WEIGHTS = "weights.pt"
CARD = """---
title: Toy, not pinned
family: toy
training_sets: [mptrj]
forces: [conservative]
code: https://example.org/code
checkpoint:
  unpinned: {hub: lab/model, file: weights.pt}
---
For the tests.
"""


@pytest.fixture(autouse=True)
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one card that is not pinned, no pins, and an empty cache but for the families' environments."""
    built = settings.cache_dir() / "environments"
    built.mkdir(parents=True, exist_ok=True)
    for name in ("cards", "cache"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(f"MLIP_ZOO_{name.upper()}", str(tmp_path / name))
    (tmp_path / "cache" / "environments").symlink_to(built)
    monkeypatch.setenv("MLIP_ZOO_PINS", str(tmp_path / "config" / "pins.yaml"))
    monkeypatch.setattr(first_use, "_warn_once", first_use.log.warning)
    (tmp_path / "cards" / "toy.md").write_text(CARD, encoding="utf-8")
    return tmp_path / "cards"


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    return tmp_path / "config" / "pins.yaml"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    waits = SimpleNamespace(sleep=lambda _: None)
    for module in ("huggingface_hub.utils._http", "huggingface_hub.file_download"):
        monkeypatch.setattr(f"{module}.time", waits)
    monkeypatch.setattr(download, "sleep", waits.sleep)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
    with serve_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.origin)
        yield hub


def change(cards: Path, before: str, after: str) -> Card:
    text = (cards / "toy.md").read_text(encoding="utf-8")
    assert before in text
    (cards / "toy.md").write_text(text.replace(before, after), encoding="utf-8")
    return index.card("toy")


def forget_files() -> None:
    shutil.rmtree(settings.cache_dir() / "blobs")


def refuse_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("something connects, or looks up a host")  # no OSError, which would be handled

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


# --- the first use, and those after it --------------------------------------------------------------------------------


def test_the_first_use_pins_fetches_and_says_so_once(hub: Hub, pins: Path, caplog: pytest.LogCaptureFixture) -> None:
    commit = hub.add("lab/model", {WEIGHTS: DATA})
    card = first_use.pinned(index.card("toy"))
    assert card.checkpoint.pinned_by == "user"
    assert index.card("toy").checkpoint.pinned_by is None
    (known,) = user_pins.read(pins).values()
    assert known.revision == commit
    assert known.files["upstream"].sha256 == pinned(DATA).sha256 == loaded_sha256(card.checkpoint)
    assert prepare(card)["upstream"].read_bytes() == DATA
    (record,) = caplog.records
    for told in ("toy: ", "Hugging Face Hub lab/model:weights.pt", pinned(DATA).sha256, commit, str(pins)):
        assert told in record.getMessage()
    assert "\n" not in record.getMessage()

    written = pins.read_bytes()
    hub.add("lab/model", {WEIGHTS: DATA[::-1]})  # what the branch has later is another checkpoint
    assert first_use.pinned(index.card("toy")) == card
    assert pins.read_bytes() == written
    assert len(caplog.records) == 1


@pytest.mark.parametrize("switch", [None, "HF_HUB_OFFLINE", "MLIP_ZOO_OFFLINE"])
def test_with_a_warm_cache_nothing_connects(hub: Hub, switch: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("lab/model", {WEIGHTS: DATA})
    first_use.pinned(index.card("toy"))
    asked = len(hub.requests)
    refuse_sockets(monkeypatch)
    if switch:
        monkeypatch.setenv(switch, "1")
    assert prepare(first_use.pinned(index.card("toy")))["upstream"].read_bytes() == DATA
    assert len(hub.requests) == asked


def test_a_description_beside_the_tensors_is_pinned_with_them(hub: Hub, cards: Path, pins: Path) -> None:
    hub.add("lab/model", {WEIGHTS: DATA, "model.json": b"{}"})
    card = first_use.pinned(change(cards, "file: weights.pt", "file: weights.pt, config: model.json"))
    assert {role: path.read_bytes() for role, path in prepare(card).items()} == {
        "upstream": DATA,
        "upstream_config": b"{}",
    }
    assert user_pins.read(pins)["toy"].files.keys() == {"upstream", "upstream_config"}
    forget_files()
    hub.add("lab/model", {WEIGHTS: DATA, "model.json": b"[]"})
    again = first_use.pinned(index.card("toy"))
    assert again == card
    assert prepare(again)["upstream_config"].read_bytes() == b"{}"  # of the commit that was pinned


def test_an_architecture_in_the_cards_words_goes_with_the_persons_pins(hub: Hub, cards: Path, pins: Path) -> None:
    hub.add("lab/model", {WEIGHTS: DATA})
    change(cards, "  unpinned:", "  upstream_config: {architecture: wide, layers: 5}\n  unpinned:")
    for _ in range(2):  # the second time from the person's pins
        files = prepare(first_use.pinned(index.card("toy")))
        assert json.loads(files["upstream_config"].read_text()) == {"architecture": "wide", "layers": 5}
    assert user_pins.read(pins)["toy"].files.keys() == {"upstream"}


@pytest.mark.slow
def test_a_real_checkpoint_from_the_hub_loads_and_computes(
    hub: Hub, cards: Path, pins: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder, text = sources.BUNDLED, (Path(zoo.__file__).parents[1] / "model_cards" / "pet-tiny.md").read_text()
    files = {
        name: (folder / f"pet-tiny.{name.split('.')[1]}").read_bytes() for name in ("model.safetensors", "config.json")
    }
    commit = hub.add("lab/pet", files)
    block = "checkpoint:\n  unpinned: {hub: lab/pet, file: model.safetensors, config: config.json}\n---\n"
    (cards / "pet-hub.md").write_text(text[: text.index("checkpoint:")] + block + "For the tests.\n", encoding="utf-8")
    crystal = example_crystals.distorted("mgo-rocksalt")
    with zoo.load("pet-hub", device="cpu", threads=1) as potential:
        # the figure of the shipped card
        assert potential.compute(crystal).energies[0] / 2 == pytest.approx(-5.766206, abs=2e-6)
        assert potential.card.checkpoint.pinned_by == "user"
    known = user_pins.read(pins)["pet-hub"]
    assert known.revision == commit
    assert {role: file.sha256 for role, file in known.files.items()} == {
        "weights": pinned(files["model.safetensors"]).sha256,
        "config": pinned(files["config.json"]).sha256,
    }
    refuse_sockets(monkeypatch)
    with zoo.load("pet-hub", device="cpu") as again:
        assert again.card == potential.card
    assert len([record for record in caplog.records if "pet-hub" in record.getMessage()]) == 1


def test_an_address_is_pinned_by_what_came_and_is_fetched_once(cards: Path, pins: Path) -> None:
    with serve(Site(files={"model.pt": DATA})) as site:
        change(cards, "{hub: lab/model, file: weights.pt}", f'{{url: "{site.origin}/files/model.pt"}}')
        card = first_use.pinned(index.card("toy"))
        assert prepare(card)["upstream"].read_bytes() == DATA
        assert site.count("GET /files/model.pt") == 1
        site.files["model.pt"] = DATA[::-1]
        forget_files()
        with pytest.raises(ChecksumMismatch) as caught:
            prepare(first_use.pinned(index.card("toy")))
    for told in (pinned(DATA).sha256, pinned(DATA[::-1]).sha256, str(pins), "'mlip-zoo pins remove toy'"):
        assert told in str(caught.value)
    assert "write a new card" not in str(caught.value)


def test_no_redirect_leads_away_from_https() -> None:
    import httpx2

    def answer(*urls: str) -> httpx2.Response:
        *before, last = [httpx2.Response(200, request=httpx2.Request("GET", url)) for url in urls]
        last.history = before
        return last

    assert download._secure_throughout(answer("https://a.org/x", "https://b.org/x"))
    assert not download._secure_throughout(answer("https://a.org/x", "http://b.org/x"))
    assert not download._secure_throughout(answer("https://a.org/x", "http://b.org/x", "https://c.org/x"))
    assert download._secure_throughout(answer("http://127.0.0.1/x"))


# --- what has changed -------------------------------------------------------------------------------------------------


def test_other_bytes_at_the_same_commit_are_refused(hub: Hub, pins: Path) -> None:
    hub.add("lab/model", {WEIGHTS: DATA})
    first_use.pinned(index.card("toy"))
    forget_files()
    hub.cdn.files[pinned(DATA).sha256] = DATA[::-1]
    with pytest.raises(ChecksumMismatch) as caught:
        prepare(first_use.pinned(index.card("toy")))
    for told in (pinned(DATA).sha256, pinned(DATA[::-1]).sha256, str(pins), "'mlip-zoo pins remove toy'"):
        assert told in str(caught.value)


def test_a_commit_that_is_gone_is_refused_with_what_is_there_now(hub: Hub) -> None:
    before = hub.add("lab/model", {WEIGHTS: DATA})
    first_use.pinned(index.card("toy"))
    forget_files()
    del hub.repositories["lab/model"]
    after = hub.add("lab/model", {WEIGHTS: DATA[::-1]})
    with pytest.raises(ChecksumMismatch) as caught:
        prepare(first_use.pinned(index.card("toy")))
    for told in (pinned(DATA).sha256, before, pinned(DATA[::-1]).sha256, after, "'mlip-zoo pins remove toy'"):
        assert told in str(caught.value)


def test_a_card_that_names_another_place_is_refused(hub: Hub, cards: Path) -> None:
    hub.add("lab/model", {WEIGHTS: DATA})
    first_use.pinned(index.card("toy"))
    card = change(cards, "file: weights.pt", "file: weights.pt, revision: v2")
    with pytest.raises(PinsError, match=r"'mlip-zoo pins remove toy'") as caught:
        first_use.pinned(card)
    assert pinned(DATA).sha256 in str(caught.value)
    assert "lab/model@v2:weights.pt" in str(caught.value)


def test_what_the_hub_announces_and_does_not_send_is_never_pinned(hub: Hub, pins: Path) -> None:
    hub.add("lab/model", {WEIGHTS: DATA})
    hub.cdn.files[pinned(DATA).sha256] = DATA[::-1]
    with pytest.raises(ChecksumMismatch, match="the Hub announced"):
        first_use.pinned(index.card("toy"))
    assert not pins.exists()


# --- who wins, and what is refused ------------------------------------------------------------------------------------


def test_a_cards_own_pins_win_with_one_warning(hub: Hub, cards: Path, caplog: pytest.LogCaptureFixture) -> None:
    hub.add("lab/model", {WEIGHTS: DATA})
    first_use.pinned(index.card("toy"))
    caplog.clear()
    for data, warnings in ((DATA, 0), (DATA[::-1], 1)):
        file = pinned(data)
        own = f'upstream_format: torch-pickle\n  upstream: {{sha256: "{file.sha256}", bytes: {file.bytes}}}'
        (cards / "toy.md").write_text(CARD.replace("unpinned: {hub: lab/model, file: weights.pt}", own))
        os.utime(cards / "toy.md", (warnings, warnings))
        card = first_use.pinned(index.card("toy"))
        assert card.checkpoint.pinned_by == "card"
        assert loaded_sha256(card.checkpoint) == file.sha256
        assert len(caplog.records) == warnings
    assert "'mlip-zoo pins remove toy'" in caplog.records[0].getMessage()


def test_pinned_only_refuses_what_nobody_has_pinned(hub: Hub, pins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("lab/model", {WEIGHTS: DATA})
    monkeypatch.setenv("MLIP_ZOO_PINNED_ONLY", "1")
    with pytest.raises(UnpinnedCheckpoint, match=r"'mlip-zoo pins add toy' pins .*'mlip-zoo pin toy --write'"):
        first_use.pinned(index.card("toy"))
    assert not hub.requests
    assert not pins.exists()
    done = CliRunner().invoke(app(), ["pins", "add", "toy"])  # asked for by name
    assert done.exit_code == 0, done.exception
    assert first_use.pinned(index.card("toy")).checkpoint.pinned_by == "user"


def test_offline_says_what_to_bring(pins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLIP_ZOO_OFFLINE", "1")
    refuse_sockets(monkeypatch)
    with pytest.raises(OfflineError, match="fetch toy --mirror DIR") as caught:
        first_use.pinned(index.card("toy"))
    assert str(pins) in str(caught.value)


def test_a_file_of_pins_that_cannot_be_written_stops_the_load(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("lab/model", {WEIGHTS: DATA})
    (tmp_path / "file").touch()
    monkeypatch.setenv("MLIP_ZOO_PINS", str(tmp_path / "file" / "pins.yaml"))
    with pytest.raises(PinsError, match="MLIP_ZOO_PINS"):
        first_use.pinned(index.card("toy"))


def test_a_broken_file_of_pins_stops_only_those_who_need_it(
    cards: Path, pins: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pins.parent.mkdir()
    pins.write_text("[" * 30_000)
    (cards / "verified.md").write_text(toy.CARD, encoding="utf-8")
    assert first_use.pinned(index.card("verified")).checkpoint.pinned_by == "card"
    assert "nested deeper" in caplog.text
    with pytest.raises(PinsError, match="nested deeper"):
        first_use.pinned(index.card("toy"))
    done = CliRunner().invoke(app(), ["list", "--json"])
    assert [card["name"] for card in json.loads(done.stdout)] == ["toy", "verified"]
    assert "nested deeper" in done.stderr


# --- conversions and commands -----------------------------------------------------------------------------------------


def test_a_conversions_hashes_stand_beside_its_sources(hub: Hub, pins: Path, tmp_path: Path) -> None:
    hub.add("lab/model", {WEIGHTS: DATA})
    card = first_use.pinned(index.card("toy"))
    for name, data in (("w", b"weights"), ("c", b"{}")):
        (tmp_path / name).write_bytes(data)
    assert first_use.keep_conversion(card, tmp_path / "w", tmp_path / "c")
    again = first_use.pinned(index.card("toy"))
    assert again.checkpoint.upstream == card.checkpoint.upstream
    assert {role: path.read_bytes() for role, path in prepare(again).items()} == {
        "weights": b"weights",
        "config": b"{}",
    }
    assert loaded_sha256(again.checkpoint) == pinned(b"weights").sha256
    user_pins.remove(pins, "toy")
    assert not first_use.keep_conversion(card, tmp_path / "w", tmp_path / "c")


def test_list_show_and_pins_tell_who_pins(hub: Hub, cards: Path, pins: Path) -> None:
    def told(*command: str) -> str:
        done = CliRunner(env={"COLUMNS": "240"}).invoke(app(), [*command])
        assert done.exit_code == 0, done.exception
        return done.stdout

    def pinned_by() -> list[str | None]:
        return [card["pinned_by"] for card in json.loads(told("list", "--json"))]

    (cards / "verified.md").write_text(toy.CARD, encoding="utf-8")
    assert pinned_by() == [None, "card"]
    assert "nobody yet; loading it pins it" in told("show", "toy")
    assert "has no pins" in told("pins")
    commit = hub.add("lab/model", {WEIGHTS: DATA})
    told("pins", "add", "toy")
    assert pinned_by() == ["user", "card"]
    assert "1 of them pinned by their cards, 1 by you" in told("list")
    assert json.loads(told("show", "toy", "--json"))["pinned_by"] == "user"
    assert pinned(DATA).sha256 in told("pins")
    listed = json.loads(told("pins", "--json"))
    assert (listed["file"], listed["pins"]["toy"]["revision"]) == (str(pins), commit)
    assert isinstance(CliRunner().invoke(app(), ["pins", "add", "toy"]).exception, PinsError)
    assert pinned(DATA).sha256 in told("pins", "remove", "toy")
    assert pinned_by() == [None, "card"]
    assert isinstance(CliRunner().invoke(app(), ["pins", "remove", "toy"]).exception, PinsError)
    assert cache.cached(pinned(DATA)) is not None
