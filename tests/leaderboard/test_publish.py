"""Publishing to a Hub on loopback with the real client, and loading from there on a machine that has nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from huggingface_hub import HfApi, ModelCard

from evaluation.result import read_result
from leaderboard.errors import PublishError
from leaderboard.publish import Published, hub_card, push
from tests.hub_server import Hub
from zoo.cards import index
from zoo.cards.card import Card
from zoo.cards.checkpoint import Safetensors
from zoo.checkpoints import cache
from zoo.checkpoints.model_files import prepare
from zoo.errors import UnpinnedCheckpoint
from zoo.files import json_text

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")

NAME = "chgnet-0.3.0"
RESULT = Path(__file__).parents[2] / "leaderboard" / "results" / "eos" / f"{NAME}@conservative.json"


@pytest.fixture
def published(hub: Hub) -> Published:
    prepare(index.card(NAME))  # converts it, where that has not been done on this machine
    return push(index.card(NAME), "lab/chgnet", results=[read_result(RESULT)], benchmark="lab/benchmark")


def from_hub(card: Card, there: Published) -> Card:
    """The card with the Hub as the only source of its safetensors, and no upstream checkpoint to fall back on."""
    pinned = card.checkpoint.safetensors
    assert pinned is not None
    both = {
        role: getattr(pinned, role).model_copy(update={"sources": (source,)}) for role, source in there.sources.items()
    }
    files = {"upstream": None, "upstream_format": None, "safetensors": Safetensors(**both)}
    return card.model_copy(update={"checkpoint": card.checkpoint.model_copy(update=files)})


def test_it_is_one_commit_of_all_files(hub: Hub, published: Published) -> None:
    api = HfApi(endpoint=hub.origin, token=hub.token)
    assert set(api.list_repo_files("lab/chgnet")) == {
        ".gitattributes",
        ".eval_results/eos_conservative.yaml",
        "README.md",
        "config.json",
        "model.safetensors",
        f"results/eos/{NAME}@conservative.json",
    }
    assert hub.count("POST /api/models/lab/chgnet/commit/") == 1
    assert api.model_info("lab/chgnet").sha == published.revision


def test_what_was_pushed_loads_on_an_empty_cache(
    published: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = from_hub(index.card(NAME), published)
    monkeypatch.setenv("MLIP_ZOO_CACHE", str(tmp_path / "empty"))
    files = prepare(card)
    pinned = card.checkpoint.safetensors
    assert pinned is not None
    assert files["weights"].name == pinned.weights.sha256
    assert cache.cached(pinned.config) == files["config"]


def test_the_hubs_card_says_what_a_person_and_the_hub_need(hub: Hub, published: Published, tmp_path: Path) -> None:
    api = HfApi(endpoint=hub.origin, token=hub.token)
    path = api.hf_hub_download("lab/chgnet", "README.md", revision=published.revision, local_dir=tmp_path)
    card = ModelCard.load(path)
    assert card.data.license == "bsd-3-clause"
    assert card.data.library_name == "mlip-zoo"
    assert f'zoo.load("{NAME}")' in card.text
    assert "412,525" in card.text
    assert f"| Equations of state (full) | {NAME}@conservative | Δ, median | 3." in card.text
    scores = read_result(RESULT).scores
    told = {each.metric_type: each for each in card.data.eval_results or ()}
    assert {name: each.metric_value for name, each in told.items()} == {
        name: score.value for name, score in scores.items() if score.value is not None
    }
    delta = told["delta"]
    assert (delta.dataset_type, delta.dataset_split, delta.metric_config) == (
        "mlip-zoo/eos",
        "full",
        f"{NAME}@conservative",
    )
    assert delta.metric_args == {
        "n": scores["delta"].n,
        "missing": scores["delta"].n_missing,
        "low": scores["delta"].low,
        "high": scores["delta"].high,
    }


def test_results_are_in_the_hubs_format(hub: Hub, published: Published, tmp_path: Path) -> None:
    api = HfApi(endpoint=hub.origin, token=hub.token)
    path = api.hf_hub_download("lab/chgnet", ".eval_results/eos_conservative.yaml", local_dir=tmp_path)
    entries = yaml.safe_load(Path(path).read_text())
    scores = read_result(RESULT).scores
    assert {entry["dataset"]["task_id"]: entry["value"] for entry in entries} == {
        f"eos-full-{name}": score.value for name, score in scores.items()
    }
    assert {entry["dataset"]["id"] for entry in entries} == {"lab/benchmark"}
    whole = api.hf_hub_download("lab/chgnet", f"results/eos/{NAME}@conservative.json", local_dir=tmp_path)
    assert Path(whole).read_text() == json_text(read_result(RESULT).model_dump(mode="json"))


def test_pushing_the_same_again_changes_nothing(published: Published) -> None:
    again = push(index.card(NAME), "lab/chgnet", results=[read_result(RESULT)], benchmark="lab/benchmark")
    assert again == published


def test_without_access_the_error_says_how_to_log_in(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(index.card(NAME))
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    with pytest.raises(PublishError, match="hf auth login"):
        push(index.card(NAME), "lab/chgnet")
    assert hub.repositories == {}


def test_what_was_not_converted_here_is_not_published(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLIP_ZOO_CACHE", str(tmp_path / "empty"))
    monkeypatch.delenv("MLIP_ZOO_MIRROR", raising=False)
    with pytest.raises(PublishError, match=f"'mlip-zoo fetch {NAME}' makes them"):
        push(index.card(NAME), "lab/chgnet")
    assert hub.repositories == {}


def test_weights_without_a_licence_are_not_passed_on(hub: Hub) -> None:
    card = index.card(NAME)
    unlicensed = card.model_copy(update={"licence": card.licence.model_copy(update={"weights": None})})
    with pytest.raises(PublishError, match="no licence of the weights"):
        push(unlicensed, "lab/chgnet")
    assert hub.repositories == {}


def test_a_checkpoint_that_nobody_has_pinned_is_not_published(hub: Hub) -> None:
    with pytest.raises(UnpinnedCheckpoint, match="mlip-zoo pin orb-v2"):
        push(index.card("orb-v2"), "lab/orb")
    assert hub.repositories == {}


def test_facts_that_nobody_verified_are_left_out() -> None:
    text = str(hub_card(index.card("eqnorm-mptrj"), []))
    assert "None" not in text
    assert "| parameters | 1,310,024 |" in text
    assert "| elements |" not in text
    assert "Paper:" not in text
    assert "| rotation, inversion (claimed) | –, – |" in text
