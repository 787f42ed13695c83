"""The Hub on loopback answers the real client as the real Hub does; what the checkpoint tests build on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

from tests.hub_server import Hub, serve_hub

# huggingface_hub 2.4 hands httpx2 an upload in a way that httpx2 2.16 wants spelt differently
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")

WEIGHTS = bytes(range(256)) * 1000
CARD = b"---\nlicense: mit\n---\n\n# A model\n"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    with serve_hub() as hub:
        yield hub


@pytest.fixture
def api(hub: Hub) -> HfApi:
    return HfApi(endpoint=hub.origin, token=hub.token)


def publish(api: HfApi, files: dict[str, bytes], *, parent: str | None = None) -> str:
    operations = [CommitOperationAdd(path_in_repo=path, path_or_fileobj=data) for path, data in files.items()]
    return str(api.create_commit("lab/model", operations, commit_message="Publish", parent_commit=parent).oid)


def test_what_is_published_can_be_read_at_every_commit(hub: Hub, api: HfApi, tmp_path: Path) -> None:
    assert api.create_repo("lab/model").repo_id == "lab/model"
    first = publish(api, {"README.md": CARD, "weights/model.safetensors": WEIGHTS})
    second = publish(api, {"weights/model.safetensors": WEIGHTS[::-1]})
    assert len(first) == len(second) == 40

    info = api.model_info("lab/model", files_metadata=True)
    assert info.sha == second
    sizes = {file.rfilename: (file.size, file.lfs and file.lfs.sha256) for file in info.siblings or ()}
    assert sizes["README.md"] == (len(CARD), None)
    assert sizes["weights/model.safetensors"] == (len(WEIGHTS), hashlib.sha256(WEIGHTS[::-1]).hexdigest())
    assert api.model_info("lab/model", revision=first).sha == first

    for commit, data in {first: WEIGHTS, second: WEIGHTS[::-1]}.items():
        local = tmp_path / commit
        path = api.hf_hub_download("lab/model", "weights/model.safetensors", revision=commit, local_dir=local)
        assert Path(path).read_bytes() == data
    assert Path(api.hf_hub_download("lab/model", "README.md", local_dir=tmp_path)).read_bytes() == CARD
    assert not any("authorization" in request.headers for request in hub.cdn.requests)


def test_the_tree_has_folders_and_files(api: HfApi) -> None:
    api.create_repo("lab/model")
    publish(api, {"README.md": CARD, "weights/model.safetensors": WEIGHTS})
    assert [entry.path for entry in api.list_repo_tree("lab/model")] == ["weights", ".gitattributes", "README.md"]
    assert [entry.path for entry in api.list_repo_tree("lab/model", "weights")] == ["weights/model.safetensors"]
    assert api.list_repo_files("lab/model") == [".gitattributes", "README.md", "weights/model.safetensors"]
    (entry,) = api.get_paths_info("lab/model", ["weights/model.safetensors", "nothing"])
    assert entry.path == "weights/model.safetensors"


def test_known_bytes_are_not_uploaded_twice(hub: Hub, api: HfApi) -> None:
    api.create_repo("lab/model")
    publish(api, {"a.safetensors": WEIGHTS})
    publish(api, {"b.safetensors": WEIGHTS})
    assert hub.cdn.count("PUT /lfs/") == 1
    assert api.file_exists("lab/model", "b.safetensors")


def test_an_unchanged_commit_is_not_made(hub: Hub, api: HfApi) -> None:
    api.create_repo("lab/model")
    files = {"README.md": CARD, "model.safetensors": WEIGHTS}
    assert publish(api, files) == publish(api, files)
    assert hub.count("POST /api/models/lab/model/commit/") == 1


def test_a_file_can_be_deleted(api: HfApi) -> None:
    api.create_repo("lab/model")
    publish(api, {"README.md": CARD})
    api.create_commit("lab/model", [CommitOperationDelete("README.md")], commit_message="Delete")
    assert api.list_repo_files("lab/model") == [".gitattributes"]


def test_a_commit_on_an_old_parent_is_refused(api: HfApi) -> None:
    api.create_repo("lab/model")
    first = publish(api, {"README.md": CARD})
    publish(api, {"README.md": CARD + b"More.\n"})
    with pytest.raises(HfHubHTTPError, match="412"):
        publish(api, {"README.md": CARD + b"Other.\n"}, parent=first)


def test_a_repository_is_made_once(api: HfApi) -> None:
    api.create_repo("lab/model")
    api.create_repo("lab/model", exist_ok=True)
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_repo("lab/model")


def test_other_users_cannot_write(hub: Hub) -> None:
    hub.add("lab/model", {"README.md": CARD})
    other = HfApi(endpoint=hub.origin, token="hf_other")
    with pytest.raises(HfHubHTTPError, match="401"):
        other.create_repo("lab/other")
    with pytest.raises(HfHubHTTPError, match="401"):
        publish(other, {"README.md": b"Mine.\n"})
    assert hub.repositories.keys() == {"lab/model"}
    assert len(hub.repositories["lab/model"].history) == 1


def test_a_broken_card_is_refused(api: HfApi) -> None:
    api.create_repo("lab/model")
    with pytest.raises(ValueError, match="Invalid metadata"):
        publish(api, {"README.md": b"---\nlicense: mit\n"})


def test_what_is_not_there(api: HfApi) -> None:
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("lab/nothing")
    api.create_repo("lab/model")
    with pytest.raises(RevisionNotFoundError):
        api.model_info("lab/model", revision="0" * 40)
