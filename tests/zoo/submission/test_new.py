"""A card for a new model: files hashed, loaded once, filled in; hostile words and files change nothing else."""

from __future__ import annotations

import ast
import io
import json
import pickle
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests import toy
from tests.faulty_server import Site, serve
from tests.hub_server import serve_hub
from tests.pinned import pinned
from tests.zoo.checkpoints.test_cache_wheel import build
from zoo.cards import index
from zoo.cards.checkpoint import HubSource, PinnedFile, WheelSource
from zoo.checkpoints import cache
from zoo.command import app
from zoo.errors import CardError, CheckpointNotFound
from zoo.files import sha256
from zoo.runtime import serving
from zoo.runtime.environment import Environment
from zoo.submission import draft, family
from zoo.submission.formats import infer

CHECKPOINT = json.dumps({"sigma": 2.2, "epsilon": 0.1}).encode() + b"\n"
OPTIONS = {
    "--training-set": "mptrj",
    "--energies": "dft",
    "--licence-code": "MIT",
    "--licence-weights": "CC-BY-4.0",
    "--code": "https://example.org/code",
}


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The toy's checkpoint, beside an empty folder of cards; this interpreter is the family's environment."""
    (tmp_path / "cards").mkdir()
    monkeypatch.setenv("MLIP_ZOO_CARDS", str(tmp_path / "cards"))
    monkeypatch.setenv("MLIP_ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("zoo.adapters.FOLDER", toy.ADAPTER.parent)
    monkeypatch.setattr(Environment, "ensure", lambda *_, **__: None)
    monkeypatch.setattr(Environment, "python", property(lambda _: Path(sys.executable)))
    path = tmp_path / "toy.json"
    path.write_bytes(CHECKPOINT)
    return path


def invoke(*arguments: str | Path, **changes: str | None) -> str:
    """The command's output; raises what it raised."""
    options = {**OPTIONS, **{f"--{key.replace('_', '-')}": value for key, value in changes.items()}}
    flags = [part for key, value in options.items() if value is not None for part in (key, value)]
    done = CliRunner().invoke(app(), ["new", *map(str, arguments), *flags])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_a_card_comes_from_a_file(weights: Path, tmp_path: Path) -> None:
    told = invoke(
        "little", "--family", "toy", "--from", weights, "--mirror", tmp_path / "mirror", title='A "[b]" model'
    )
    card = index.card("little")
    assert (card.title, card.parameters, card.cutoff, card.elements) == ('A "[b]" model', 1, 6.0, ("H",))
    assert (card.licence.weights, card.training_sets, card.energies) == ("CC-BY-4.0", ("mptrj",), "dft")
    assert card.checkpoint.upstream == PinnedFile(sha256=sha256(weights), bytes=len(CHECKPOINT))
    assert card.checkpoint.upstream_format == "nqx"
    assert cache.cached(card.checkpoint.upstream)
    assert (tmp_path / "mirror" / sha256(weights)).read_bytes() == CHECKPOINT
    assert "mlip-zoo submit check little" in told
    assert not card.verified


@pytest.mark.parametrize(
    ("arguments", "changes", "says"),
    [
        (["../x", "--family", "toy"], {}, "cannot be a card's name"),
        (["x", "--family", "nothing"], {}, "'mlip-zoo new-family nothing'"),
        (["x", "--family", "toy"], {"code": "javascript:alert(1)"}, "code: "),
        (["x", "--family", "toy"], {"title": "T\u043ey"}, "CYRILLIC"),
        (["x", "--family", "toy"], {"licence_code": "MIT\n---\nchecks: {}"}, "licence.code"),
        (["x", "--family", "toy"], {"title": "x\x1b[31m"}, "title"),
        (["x", "--family", "toy"], {"energies": "joules"}, "energies"),
    ],
)
def test_what_is_no_card_writes_nothing(
    weights: Path, tmp_path: Path, arguments: list[str], changes: dict[str, str], says: str
) -> None:
    with pytest.raises(CardError) as caught:
        invoke(*arguments, "--from", weights, **changes)
    assert says in str(caught.value)
    assert list((tmp_path / "cards").iterdir()) == []


def test_the_same_file_has_one_card(weights: Path, tmp_path: Path) -> None:
    file = pinned(CHECKPOINT)
    other = toy.CARD.replace('"' + "0" * 64 + '", bytes: 1', f'"{file.sha256}", bytes: {file.bytes}')
    (tmp_path / "cards" / "other.md").write_text(other, encoding="utf-8")
    with pytest.raises(CardError, match=r"other has the same file: sha256 .* Nothing was written"):
        invoke("little", "--family", "toy", "--from", weights)


def test_without_a_terminal_what_is_missing_is_named(weights: Path) -> None:
    done = CliRunner().invoke(
        app(), ["new", "x", "--family", "toy", "--from", str(weights), "--training-set", "mptraj"]
    )
    assert done.exit_code == 2
    assert "mptrj" in done.output


def test_one_place_is_given(weights: Path) -> None:
    done = CliRunner().invoke(
        app(), ["new", "x", "--family", "toy", "--url", "https://x.org/a", "--from", str(weights)]
    )
    assert (done.exit_code, "give one of" in done.output) == (2, True)


def zipped(*names: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return target.getvalue()


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (zipped("m/data.pkl", "m/data/0"), "torch-pickle"),
        (zipped("m/data.pkl", "m/data/0", "m/.data/serialization_id"), "torch-pickle"),
        (zipped("m/data.pkl", "m/constants.pkl", "m/code/__torch__.py", "m/.data/serialization_id"), "torchscript"),
        (zipped("m/.data/version", "m/.data/extern_modules", "m/model.pkl"), "torch-package"),
        (zipped("m/saved_model.pb", "m/variables/x"), "tensorflow-archive"),
        (pickle.dumps({"a": 1}), "torch-pickle"),
        (b'{"a": 1}\n\x00\x01', "nqx"),
    ],
)
def test_formats_show_in_bytes(tmp_path: Path, data: bytes, form: str) -> None:
    (tmp_path / "file").write_bytes(data)
    assert infer(tmp_path / "file") == form


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 and no more", b"\x00" * 100])
def test_a_format_that_does_not_show_has_to_be_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(CardError, match="file: "):
        infer(tmp_path / "file")


def test_elements_are_written_as_ranges() -> None:
    assert draft.ranges(["Li", "He", "H", "Mg", "Na", "U", 3, "<b>"]) == "H-Li, Na, Mg, U"


def test_near_training_sets_are_offered() -> None:
    assert draft.near_training_sets("MPtraj")[0] == "mptrj"
    assert "omat24" in draft.near_training_sets("OMat")


def test_a_skeleton_keeps_the_contract(tmp_path: Path) -> None:
    path = family.write("my_net", folder=tmp_path)
    module = serving.module_from(path)
    assert callable(module.load)
    tree = ast.parse(path.read_text())
    (model,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
    methods = {node.name for node in model.body if isinstance(node, ast.FunctionDef)}
    assert {"compute", "export"} <= methods
    assert all(
        ast.get_docstring(node) for node in model.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"
    )
    with pytest.raises(CardError, match="is there already"):
        family.write("my_net", folder=tmp_path)
    with pytest.raises(CardError, match="cannot be a family's name"):
        family.write("../x", folder=tmp_path)


def test_staged_files_are_named_by_their_hash(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    done = CliRunner().invoke(app(), ["stage", str(tmp_path / "a"), "--mirror", str(tmp_path / "m")])
    assert done.exit_code == 0
    assert [path.name for path in (tmp_path / "m").iterdir()] == [sha256(tmp_path / "a")]


def test_a_card_comes_from_an_address(weights: Path) -> None:
    with serve(Site(files={"toy.json": CHECKPOINT})) as site:
        address = f"{site.origin}/files/toy.json"
        invoke("little", "--family", "toy", "--url", address, "--format", "nqx")
    upstream = index.card("little").checkpoint.upstream
    assert upstream == pinned(CHECKPOINT, address)


def test_what_an_adapter_wants_beside_the_file_comes_from_the_same_place(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "toy.py").write_text(toy.ADAPTER.read_text() + '\nCOMPANION = "toy-config.json"\n')
    monkeypatch.setattr("zoo.adapters.FOLDER", tmp_path / "adapters")
    contents = {"models/toy.json": CHECKPOINT, "models/toy-config.json": b'{"b": 2}\n'}
    with serve(Site(files=contents)) as site:
        address = f"{site.origin}/files/models/toy.json"
        invoke("by-url", "--family", "toy", "--url", address, "--format", "nqx")
        assert index.card("by-url").checkpoint.upstream_config == pinned(
            b'{"b": 2}\n', f"{site.origin}/files/models/toy-config.json"
        )
    (index.path("by-url")).unlink()
    with serve_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.origin)
        commit = hub.add("lab/toy", contents)
        invoke("by-hub", "--family", "toy", "--hub", "lab/toy", "--file", "models/toy.json", "--format", "nqx")
        source = HubSource(hub="lab/toy", revision=commit, file="models/toy-config.json")
        assert index.card("by-hub").checkpoint.upstream_config == pinned(b'{"b": 2}\n', source)
        hub.add("lab/other", {"toy.json": CHECKPOINT + b"\n"})
        with pytest.raises(CheckpointNotFound, match=r"toy-config\.json: no such file"):
            invoke("other", "--family", "toy", "--hub", "lab/other", "--file", "toy.json", "--format", "nqx")


def test_a_card_comes_from_the_hub(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.origin)
        commit = hub.add("lab/toy", {"toy.json": CHECKPOINT})
        invoke("little", "--family", "toy", "--hub", "lab/toy", "--file", "toy.json", "--format", "nqx")
    source = HubSource(hub="lab/toy", revision=commit, file="toy.json")
    assert index.card("little").checkpoint.upstream == pinned(CHECKPOINT, source)


def test_a_card_comes_from_a_wheel(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    build(tmp_path, "1.2.0", {"tiny_model/toy.json": CHECKPOINT})
    words = ["--wheel", "tiny-model==1.2.0", "--file", "tiny_model/toy.json", "--format", "nqx"]
    invoke("little", "--family", "toy", *words)
    source = WheelSource(wheel="tiny-model==1.2.0", file="tiny_model/toy.json")
    assert index.card("little").checkpoint.upstream == pinned(CHECKPOINT, source)
