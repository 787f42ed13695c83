"""Pinning: from a card that says where a checkpoint is to one that says which bytes it is, and then to those bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from evaluation.errors import EvaluationError
from tests import toy
from tests.faulty_server import Site, serve
from tests.hub_server import Hub, serve_hub
from tests.pinned import DATA, pinned
from zoo.cards import index
from zoo.cards.card import Card
from zoo.cards.checkpoint import Checkpoint, HubSource, PinnedFile, UrlSource, WheelSource
from zoo.checkpoints import download
from zoo.checkpoints.model_files import prepare
from zoo.checkpoints.pin import block, pin, rewritten, write
from zoo.command import app
from zoo.errors import CardError, CheckpointError, CheckpointNotFound, OfflineError, UnpinnedCheckpoint, ZooError
from zoo.loading import load

REPOSITORY = "lab/model"
WEIGHTS = "models/weights-v1.pt"

UNPINNED = """---
# what we know of it
title: Toy, not pinned
family: toy
training_sets: [mptrj]
forces: [direct, conservative]
code: https://example.org/code
checkpoint:
  # where its authors put it
  unpinned: {hub: lab/model, file: models/weights-v1.pt}

# the paper, and an old one
paper: https://example.org/paper
---
For the tests:   two spaces stay.

checkpoint: is a word like any other down here
"""


@pytest.fixture(autouse=True)
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one card that is not pinned, and a cache of its own."""
    folder = tmp_path / "cards"
    folder.mkdir()
    (folder / "toy.md").write_text(UNPINNED, encoding="utf-8")
    monkeypatch.setenv("MLIP_ZOO_CARDS", str(folder))
    monkeypatch.setenv("MLIP_ZOO_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = SimpleNamespace(sleep=lambda _: None)
    for module in ("huggingface_hub.utils._http", "huggingface_hub.file_download"):
        monkeypatch.setattr(f"{module}.time", waits)
    monkeypatch.setattr(download, "sleep", waits.sleep)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with serve_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.origin)
        monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
        yield hub


def change(cards: Path, before: str, after: str) -> Card:
    text = (cards / "toy.md").read_text(encoding="utf-8")
    assert before in text
    (cards / "toy.md").write_text(text.replace(before, after), encoding="utf-8")
    return index.card("toy")


# --- what an unpinned card can do -------------------------------------------------------------------------------------


def test_facts_that_are_not_verified_are_none() -> None:
    card = index.card("toy")
    absent = ("parameters", "cutoff", "elements", "energies", "rotation", "inversion", "canary", "released")
    assert [getattr(card, fact) for fact in absent] == [None] * len(absent)
    assert (card.licence.code, card.licence.weights) == (None, None)
    assert (card.verified, card.checkpoint.pinned, card.constrained) == (False, False, False)
    assert index.entry_name(*index.resolve("toy@conservative")) == "toy@conservative"


@pytest.mark.parametrize(
    ("forces", "rotation", "constrained"),
    [
        ("conservative", None, None),
        ("conservative", "exact", True),
        ("conservative", "learned", False),
        ("direct", None, False),
        ("direct", "exact", False),
        ("conservative, direct", "exact", False),
    ],
)
def test_what_is_not_documented_is_not_a_claim(
    cards: Path, forces: str, rotation: str | None, constrained: bool | None
) -> None:
    told = f"forces: [{forces}]" + (f"\nrotation: {rotation}" if rotation else "")
    assert change(cards, "forces: [direct, conservative]", told).constrained is constrained


@pytest.mark.parametrize("command", [["check"], ["convert"], ["fetch"], ["evaluate", "--task", "eos"]])
def test_where_nothing_may_be_pinned_on_first_use_the_way_out_is_told(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoo.adapters.FOLDER", toy.ADAPTER.parent)
    monkeypatch.setenv("MLIP_ZOO_PINNED_ONLY", "1")
    with pytest.raises(UnpinnedCheckpoint) as caught:
        load("toy")
    assert "'mlip-zoo pin toy --write' in the card" in str(caught.value)
    assert f"Hugging Face Hub {REPOSITORY}:{WEIGHTS}" in str(caught.value)
    result = CliRunner().invoke(app(), [*command, "toy"])
    assert isinstance(result.exception, UnpinnedCheckpoint | EvaluationError)  # evaluate tells all its entries' faults
    assert "'mlip-zoo pin toy --write' in the card" in str(result.exception)


def test_an_unpinned_checkpoint_is_not_prepared_either() -> None:
    with pytest.raises(UnpinnedCheckpoint):
        prepare(index.card("toy"))


def test_list_and_show_tell_pinned_from_unpinned(cards: Path) -> None:
    (cards / "verified.md").write_text(toy.CARD, encoding="utf-8")
    toy.record(cards, "verified")
    told = json.loads(CliRunner().invoke(app(), ["list", "--json"]).stdout)
    assert [(card["name"], card["pinned"], card["verified"]) for card in told] == [
        ("toy", False, False),
        ("verified", True, True),
    ]
    text = CliRunner().invoke(app(), ["list"]).stdout
    assert "2 models, 1 of them pinned by their cards, 0 by you, 1 verified" in text
    assert [line.split()[1] for line in text.splitlines() if "verified " in line and "models" not in line] == [
        "unverified",
        "verified",
    ]
    shown = CliRunner().invoke(app(), ["show", "toy"]).stdout
    assert "loading it pins it" in shown
    assert WEIGHTS in shown
    assert json.loads(CliRunner().invoke(app(), ["show", "toy", "--json"]).stdout)["pinned"] is False


# --- from a Hub -------------------------------------------------------------------------------------------------------


def test_a_large_file_is_pinned_without_a_download_and_then_loads(hub: Hub, cards: Path) -> None:
    commit = hub.add(REPOSITORY, {WEIGHTS: DATA, "README.md": b"# Model"})
    result = CliRunner().invoke(app(), ["pin", "toy", "--write"])
    assert result.exit_code == 0, result.output
    assert f"revision: {commit}" in result.stdout
    assert hub.cdn.requests == []
    card = index.card("toy")
    source = HubSource(hub=REPOSITORY, revision=commit, file=WEIGHTS)
    assert card.checkpoint == Checkpoint(upstream_format="torch-pickle", upstream=pinned(DATA, source))
    hub.add(REPOSITORY, {WEIGHTS: DATA[::-1]})  # the branch moves, the pin stays
    assert prepare(card)["upstream"].read_bytes() == DATA
    with pytest.raises(ZooError, match="no adapter for family 'toy' yet; it has chgnet"):
        load("toy")


@pytest.mark.parametrize("by", ["commit", "main"])
def test_a_revision_can_be_asked_for(hub: Hub, by: str) -> None:
    old = hub.add(REPOSITORY, {WEIGHTS: DATA})
    new = hub.add(REPOSITORY, {WEIGHTS: DATA[::-1]})
    found = pin(index.card("toy"), revision=old if by == "commit" else "main").checkpoint.upstream
    expected = (old, DATA) if by == "commit" else (new, DATA[::-1])
    assert found == pinned(expected[1], HubSource(hub=REPOSITORY, revision=expected[0], file=WEIGHTS))


def test_a_small_file_is_downloaded_and_hashed(hub: Hub, cards: Path) -> None:
    text = b'{"cutoff": 5.0}'
    commit = hub.add(REPOSITORY, {"model.json": text})
    card = change(cards, f"unpinned: {{hub: lab/model, file: {WEIGHTS}}}", "upstream_format: torchscript\n  unpinned: "
                  "{hub: lab/model, file: model.json}")  # fmt: skip
    found = pin(card).checkpoint
    assert found.upstream == pinned(text, HubSource(hub=REPOSITORY, revision=commit, file="model.json"))
    assert found.upstream_format == "torchscript"


@pytest.mark.parametrize(
    ("files", "revision", "told"),
    [
        ({}, None, "no such repository"),
        ({WEIGHTS: DATA}, "0" * 40, "the repository has no commit " + "0" * 40),
        (
            {"models/weights-v2.pt": DATA},
            None,
            r"no such file at commit [0-9a-f]{40}; did you mean models/weights-v2.pt",
        ),
        ({"a.txt": b"a"}, None, "no such file at commit [0-9a-f]{40}; it holds 1 others"),
        ({f"{WEIGHTS}/part.pt": DATA}, None, "no such file at commit"),
    ],
)
def test_what_is_not_there_is_named(hub: Hub, files: dict[str, bytes], revision: str | None, told: str) -> None:
    if files:
        hub.add(REPOSITORY, files)
    with pytest.raises(CheckpointNotFound, match=told):
        pin(index.card("toy"), revision=revision)


def test_a_gated_repository_is_pinned_and_says_that_it_is_gated(hub: Hub) -> None:
    hub.add(REPOSITORY, {WEIGHTS: DATA}, gated=True)
    found = pin(index.card("toy"))
    assert found.checkpoint.upstream is not None
    assert found.checkpoint.upstream.bytes == len(DATA)
    assert found.note
    assert f"accept the licence on {hub.origin}/{REPOSITORY}" in found.note


def test_a_small_file_of_a_gated_repository_needs_the_licence_first(hub: Hub, cards: Path) -> None:
    hub.add(REPOSITORY, {"model.model": b"small"}, gated=True)
    card = change(cards, WEIGHTS, "model.model")
    with pytest.raises(CheckpointNotFound, match=r"accept the licence on .*, then run `hf auth login`"):
        pin(card)


def test_a_busy_hub_is_asked_again(hub: Hub) -> None:
    hub.add(REPOSITORY, {WEIGHTS: DATA})
    hub.fault(f"GET /api/models/{REPOSITORY}", status=503, times=2)
    assert pin(index.card("toy")).checkpoint.pinned


@pytest.mark.parametrize("switch", ["MLIP_ZOO_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_nothing_is_asked(hub: Hub, monkeypatch: pytest.MonkeyPatch, switch: str) -> None:
    monkeypatch.setenv(switch, "1")
    with pytest.raises(OfflineError, match="the network is switched off"):
        pin(index.card("toy"))
    assert hub.requests == []


# --- from elsewhere ---------------------------------------------------------------------------------------------------


def test_a_file_behind_an_address_is_downloaded_and_hashed(cards: Path) -> None:
    with serve(Site(files={"weights.pth": DATA})) as site:
        url = f"{site.origin}/files/weights.pth"
        card = change(cards, f"{{hub: lab/model, file: {WEIGHTS}}}", f'{{url: "{url}"}}')
        found = pin(card).checkpoint
        assert found.upstream == pinned(DATA, UrlSource(url=url))
        write(cards / "toy.md", found)
        assert prepare(index.card("toy"))["upstream"].read_bytes() == DATA


def test_a_download_that_broke_off_is_never_pinned_in_two_pieces(cards: Path) -> None:
    with serve(Site(files={"weights.pth": DATA})) as site:
        url = f"{site.origin}/files/weights.pth"
        card = change(cards, f"{{hub: lab/model, file: {WEIGHTS}}}", f'{{url: "{url}"}}')
        site.fault("GET /files/", cut=100_000)
        assert pin(card).checkpoint.upstream == pinned(DATA, UrlSource(url=url))
        assert [request.headers.get("range") for request in site.requests] == [None, "bytes=100000-", None]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"<!DOCTYPE html><title>Please wait</title>", "a web page came"),
        (b"\n <HTML>", "a web page came"),
        (b"", "the file is empty"),
    ],
)
def test_what_is_no_checkpoint_is_not_pinned(cards: Path, body: bytes, told: str) -> None:
    with serve(Site(files={"weights.pth": body})) as site:
        card = change(cards, f"{{hub: lab/model, file: {WEIGHTS}}}", f'{{url: "{site.origin}/files/weights.pth"}}')
        with pytest.raises(CheckpointNotFound, match=told):
            pin(card)
        with pytest.raises(CheckpointError, match="--revision is of a Hub repository"):
            pin(card, revision="main")


def test_a_page_is_for_people(cards: Path) -> None:
    card = change(cards, f"{{hub: lab/model, file: {WEIGHTS}}}", "{page: https://example.org/models}")
    with pytest.raises(CheckpointNotFound, match=r"Look up on https://example\.org/models which file it is"):
        pin(card)


def test_a_format_that_cannot_be_told_is_asked_for(cards: Path) -> None:
    card = change(cards, WEIGHTS, "models/saved.tar.gz")
    with pytest.raises(CardError, match=r"toy\.md: checkpoint\.upstream_format: missing"):
        pin(card)


def test_a_pinned_card_stays_as_it_is() -> None:
    with pytest.raises(CheckpointError, match="is pinned already"):
        pin(toy.card())


# --- into the card ----------------------------------------------------------------------------------------------------

FOUND = Checkpoint(
    upstream_format="torch-pickle",
    upstream=pinned(DATA, HubSource(hub=REPOSITORY, revision="1" * 40, file="it's: a file.pt")),
)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_all_but_the_block_stays_byte_for_byte(newline: str) -> None:
    text = UNPINNED.replace("\n", newline)
    after = rewritten(text, FOUND, name="toy")
    head, tail = text.partition("checkpoint:")[0], text[text.index("# the paper") :]
    assert after == head + block(FOUND).replace("\n", newline) + tail


def test_a_block_at_the_end_of_the_front_matter(cards: Path) -> None:
    text = UNPINNED.replace("\n# the paper, and an old one\npaper: https://example.org/paper\n", "")
    assert rewritten(text, FOUND, name="toy").count("checkpoint:") == 2
    url = Checkpoint(upstream_format="torch-pickle", upstream=pinned(DATA, "https://example.org/a?b=c#d"))
    wheel = Checkpoint(
        upstream_format="torch-pickle", upstream=pinned(DATA, WheelSource(wheel="a-b==1.0", file="a/b.pth.tar"))
    )
    for found in (url, wheel):
        assert rewritten(text, found, name="toy").startswith(text.partition("checkpoint:")[0])


def test_a_card_that_would_say_something_else_is_not_written() -> None:
    # a mapping may close in the first column, where the block seems to have ended
    text = UNPINNED.replace(f"{{hub: lab/model, file: {WEIGHTS}}}", f"{{hub: lab/model,\nfile: {WEIGHTS}}}")
    with pytest.raises(CardError):
        rewritten(text, FOUND, name="toy")


def test_out_leaves_the_card_alone(cards: Path, tmp_path: Path) -> None:
    assert write(cards / "toy.md", FOUND, out=tmp_path / "new") == tmp_path / "new" / "toy.md"
    assert (cards / "toy.md").read_text(encoding="utf-8") == UNPINNED
    assert "sha256: " + pinned(DATA).sha256 in (tmp_path / "new" / "toy.md").read_text(encoding="utf-8")


def test_published_safetensors_are_pinned_with_their_config(hub: Hub, cards: Path) -> None:
    commit = hub.add("lab/model", {"model.safetensors": DATA, "config.json": b"{}"})
    card = change(cards, "file: models/weights-v1.pt", "file: model.safetensors, config: config.json")
    found = pin(card).checkpoint
    write(cards / "toy.md", found)
    written = index.card("toy").checkpoint
    assert written == found
    assert written.safetensors is not None
    for file, data, name in (
        (written.safetensors.weights, DATA, "model.safetensors"),
        (written.safetensors.config, b"{}", "config.json"),
    ):
        assert file == pinned(data, HubSource(hub="lab/model", revision=commit, file=name))
    assert {role: path.read_bytes() for role, path in prepare(index.card("toy")).items()} == {
        "weights": DATA,
        "config": b"{}",
    }


@pytest.mark.parametrize("described", ["companion", "arguments"])
def test_what_describes_the_architecture_goes_into_the_card(described: str, hub: Hub, cards: Path) -> None:
    hub.add("lab/model", {"models/weights-v1.pt": DATA, "model.json": b"{}"})
    if described == "companion":
        card = change(cards, "file: models/weights-v1.pt", "file: models/weights-v1.pt, config: model.json")
    else:
        card = change(
            cards, "  unpinned:", "  upstream_config: {architecture: 'wide: one', layers: 5, own: true}\n  unpinned:"
        )
    write(cards / "toy.md", pin(card).checkpoint)
    written = index.card("toy").checkpoint
    assert written.upstream is not None
    assert written.upstream.sha256 == pinned(DATA).sha256
    if described == "companion":
        assert isinstance(written.upstream_config, PinnedFile)
        assert written.upstream_config.sha256 == pinned(b"{}").sha256
    else:
        assert written.upstream_config == {"architecture": "wide: one", "layers": 5, "own": True}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("file: models/weights-v1.pt", "file: model.safetensors", "config of safetensors"),
        ("  unpinned:", f"  upstream_config: {{sha256: {'a' * 64}, bytes: 1}}\n  unpinned:", "unpinned.config"),
    ],
)
def test_half_a_checkpoint_is_refused(before: str, after: str, told: str, cards: Path) -> None:
    with pytest.raises(CardError, match=told):
        change(cards, before, after)


def test_a_config_that_is_not_there_is_named(hub: Hub, cards: Path) -> None:
    hub.add("lab/model", {"model.safetensors": DATA, "conf.json": b"{}"})
    card = change(cards, "file: models/weights-v1.pt", "file: model.safetensors, config: config.json")
    with pytest.raises(CheckpointNotFound, match=r"did you mean conf\.json"):
        pin(card)
