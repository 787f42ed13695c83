"""A pickle that runs code when it is opened, as a checkpoint: it runs in workers, and nothing else ever opens it.

Every opening leaves the program and the process it happened in. Conversions leave such traces, which shows that the
planted code is live; the commands around them must leave none, in this process or another that is no worker.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save
from typer.testing import CliRunner

import zoo
from leaderboard.publish import push
from tests import toy
from tests.faulty_server import Site, serve
from tests.hub_server import serve_hub
from tests.pinned import pinned
from zoo.cards import index
from zoo.checkpoints import cache, user_pins
from zoo.command import app
from zoo.errors import WorkerStartError
from zoo.files import json_text, sha256, write_bytes, write_text
from zoo.runtime import environment
from zoo.runtime import worker as worker_program

PLAIN = 'json.loads(files["upstream"].read_text())'
UNPICKLED = '__import__("pickle").loads(files["upstream"].read_bytes())'

CARD = toy.CARD[: toy.CARD.index("canary:")] + "---\nFor the tests.\n"


@dataclass(frozen=True)
class Planted:
    """The checkpoint, and the folder where opening it leaves its traces."""

    data: bytes
    folder: Path

    def traces(self) -> list[list[str]]:
        """Process number and program of each opening."""
        return [path.read_text().split("\n") for path in sorted(self.folder.iterdir())]


class Payload:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        trace = "'\\n'.join([str(os.getpid()), *sys.argv[:1]])"
        write = f"pathlib.Path({str(self.folder)!r}, str(time.monotonic_ns())).write_text({trace})"
        modules = ", ".join(f"{name}=__import__({name!r})" for name in ("os", "pathlib", "sys", "time"))
        return eval, (f"(lambda {modules}: {write} and {{'epsilon': 0.1, 'sigma': 2.2}})()",)


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy's adapter, which unpickles its checkpoint; beside it its environment, built once."""
    folder = tmp_path_factory.mktemp("unpickling")
    (folder / "adapters").mkdir()
    (folder / "adapters" / "toy.py").write_text(toy.ADAPTER.read_text().replace(PLAIN, UNPICKLED))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLIP_ZOO_CACHE", str(folder))
        environment.describe(folder / "adapters" / "toy.py").ensure()
    return folder / "adapters"


@pytest.fixture
def planted(adapters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planted:
    """A zoo of one card, whose upstream checkpoint is such a pickle, in a mirror."""
    for name in ("traces", "mirror", "cards", "cache"):
        (tmp_path / name).mkdir()
    data = pickle.dumps(Payload(tmp_path / "traces"))
    (tmp_path / "mirror" / pinned(data).sha256).write_bytes(data)
    (tmp_path / "cache" / "environments").symlink_to(adapters.parent / "environments")
    monkeypatch.setattr("zoo.adapters.FOLDER", adapters)
    monkeypatch.setenv("MLIP_ZOO_SANDBOX", "none")  # in one, opening it could leave no trace
    for name in ("cards", "cache", "mirror"):
        monkeypatch.setenv(f"MLIP_ZOO_{name.upper()}", str(tmp_path / name))
    monkeypatch.chdir(tmp_path)
    found = Planted(data, tmp_path / "traces")
    write_card(found)
    return found


def write_card(planted: Planted, safetensors: str = "") -> None:
    """The toy's card around the planted checkpoint, and the pinned conversion where there is one."""
    file = pinned(planted.data)
    upstream = f'upstream: {{sha256: "{file.sha256}", bytes: {file.bytes}}}\n{safetensors}'
    start, end = CARD.index("upstream: {"), CARD.index("---\nFor")
    Path(os.environ["MLIP_ZOO_CARDS"], "toy.md").write_text(CARD[:start] + upstream + CARD[end:])


def pin_conversion(planted: Planted, folder: Path) -> None:
    roles = {"weights": folder / "model.safetensors", "config": folder / "config.json"}
    lines = [f'    {role}: {{sha256: "{sha256(p)}", bytes: {p.stat().st_size}}}\n' for role, p in roles.items()]
    write_card(planted, "  safetensors:\n" + "".join(lines))


def run(*command: str) -> None:
    done = CliRunner().invoke(app(), [*command])
    assert done.exit_code == 0, (command, done.output, done.exception)


@pytest.fixture
def converted(planted: Planted, tmp_path: Path) -> Planted:
    """The card pins the conversion, and a mirror has it."""
    write_bytes(weights := tmp_path / "model.safetensors", save({"epsilon": np.array([0.1], dtype=np.float32)}))
    write_text(config := tmp_path / "config.json", json_text({"sigma": 2.2}))
    for file in (weights, config):
        (tmp_path / "mirror" / sha256(file)).hardlink_to(file)
    pin_conversion(planted, tmp_path)
    return planted


def only_workers(planted: Planted) -> Iterator[str]:
    for process, program in planted.traces():
        assert int(process) != os.getpid()
        assert program == worker_program.__file__
        yield program


def test_the_planted_code_is_live(planted: Planted) -> None:
    pickle.loads(planted.data)
    assert [process for process, _ in planted.traces()] == [str(os.getpid())]


def test_conversions_open_it_in_workers_alone(planted: Planted, tmp_path: Path) -> None:
    run("fetch", "toy", "--mirror", "copies")
    assert planted.traces() == []  # without a pinned conversion, fetching brings the file and no more
    run("convert", "toy", "--out", "out")
    assert len(list(only_workers(planted))) == 1
    pin_conversion(planted, tmp_path / "out" / "toy")
    run("fetch", "toy")  # makes what is pinned
    assert len(list(only_workers(planted))) == 2


def test_loading_opens_it_in_a_worker_or_not_at_all(planted: Planted) -> None:
    with pytest.raises(WorkerStartError, match="opened only inside a worker"):
        zoo.load("toy", isolated=False)
    assert planted.traces() == []
    with zoo.load("toy", device="cpu", threads=1) as potential:
        assert potential.info["facts"]["cutoff"] == 6.0
    assert len(list(only_workers(planted))) == 1


@pytest.mark.parametrize(
    "command",
    [
        ["list"],
        ["list", "--json"],
        ["show", "toy"],
        ["show", "toy", "--json"],
        ["fetch", "toy"],
        ["fetch", "toy", "--mirror", "copies"],
    ],
    ids=" ".join,
)
def test_these_commands_never_open_it(converted: Planted, command: list[str]) -> None:
    run(*command)
    assert converted.traces() == []


def test_loading_does_not_go_back_to_it(converted: Planted) -> None:
    with zoo.load("toy", device="cpu", threads=1) as potential:
        assert potential.info["facts"]["cutoff"] == 6.0
    assert converted.traces() == []


def test_pinning_does_not_open_it(planted: Planted, tmp_path: Path) -> None:
    with serve(Site(files={"model.pt": planted.data})) as site:
        path = tmp_path / "cards" / "toy.md"
        start, end = CARD.index("  upstream_format"), CARD.index("---\nFor")
        place = f'  unpinned: {{url: "{site.origin}/files/model.pt"}}\n'
        path.write_text(CARD[:start] + place + CARD[end:])
        run("pin", "toy", "--write")
    upstream = index.card("toy").checkpoint.upstream
    assert upstream is not None
    assert upstream.sha256 == pinned(planted.data).sha256
    assert planted.traces() == []


@pytest.fixture
def unpinned(planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Planted]:
    """The card pins nothing, and a Hub has the checkpoint."""
    monkeypatch.setenv("MLIP_ZOO_PINS", str(tmp_path / "pins.yaml"))
    (tmp_path / "mirror" / pinned(planted.data).sha256).unlink()
    path = tmp_path / "cards" / "toy.md"
    start, end = CARD.index("  upstream_format"), CARD.index("---\nFor")
    path.write_text(CARD[:start] + "  unpinned: {hub: lab/toy, file: model.pt}\n" + CARD[end:])
    with serve_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.origin)
        hub.add("lab/toy", {"model.pt": planted.data})
        yield planted


def test_loading_on_first_use_opens_it_in_a_worker_alone(unpinned: Planted) -> None:
    with zoo.load("toy", device="cpu", threads=1) as potential:
        assert unpinned.traces() == []  # pinned, fetched and verified unopened
        assert potential.info["facts"]["cutoff"] == 6.0
    assert len(list(only_workers(unpinned))) == 1


@pytest.mark.slow
def test_after_a_conversion_it_is_not_opened_again(unpinned: Planted, tmp_path: Path) -> None:
    run("convert", "toy", "--out", "out")
    assert user_pins.read(tmp_path / "pins.yaml")["toy"].files.keys() == {"upstream", "weights", "config"}
    before = len(list(only_workers(unpinned)))
    with zoo.load("toy", device="cpu", threads=1) as potential:
        assert potential.info["facts"]["cutoff"] == 6.0
    assert len(list(only_workers(unpinned))) == before


@pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")
def test_publishing_neither_opens_it_nor_sends_it(converted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    with serve_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.origin)
        monkeypatch.setenv("HF_TOKEN", hub.token)
        push(index.card("toy"), "lab/toy")
        assert hub.count("POST /api/models/lab/toy/commit/") == 1
    assert converted.traces() == []


def test_the_cache_keeps_it_as_it_came_and_not_executable(planted: Planted) -> None:
    run("fetch", "toy")
    kept = cache.cached(pinned(planted.data))
    assert kept is not None
    assert kept.read_bytes() == planted.data
    assert not kept.stat().st_mode & 0o111
    assert planted.traces() == []
