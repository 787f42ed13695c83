"""A rehearsal: an outside author's model of a new family, from its file to the board, by commands alone."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leaderboard.ranking.collect import collect
from tests.leaderboard.specimens import MODELS, write_card, write_result
from zoo.cards import index
from zoo.command import app
from zoo.files import sha256
from zoo.runtime.environment import Environment

pytestmark = pytest.mark.slow  # two whole checks
ADAPTER = Path(__file__).parents[2] / "adapters" / "pairs.py"
SCRIPT = f'''# /// script
# requires-python = ">=3.12"
# dependencies = ["ase==3.29.0", "numpy==2.5.4", "safetensors==0.8.0"]
# [tool.uv]
# exclude-newer = "2026-11-01T00:00:00Z"
# ///
"""The authors' own calculator."""

import json
from pathlib import Path

from ase.calculators.calculator import Calculator

exec({ADAPTER.read_text().split("def load(", maxsplit=1)[0].replace("from __future__ import annotations", "")!r})
exec({("def answer(" + ADAPTER.read_text().split("def answer(")[1])!r})


class Pairs(Calculator):
    implemented_properties = ["energy", "forces", "stress"]

    def calculate(self, atoms=None, properties=(), changes=()):
        super().calculate(atoms, properties, changes)
        energy, forces, stress = answer(atoms, self.depth)
        voigt = [stress[0, 0], stress[1, 1], stress[2, 2], stress[1, 2], stress[0, 2], stress[0, 1]]
        self.results = {{"energy": energy, "forces": forces, "stress": np.array(voigt)}}


def calculator(files: dict[str, Path]) -> Pairs:
    made = Pairs()
    made.depth = json.loads(files["upstream"].read_text())["depth"]
    return made
'''


class Fork:
    """What the author and the lanes did, and what the commands said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: dict[str, str] = {}

    def run(self, *words: str | Path, code: int = 0) -> str:
        done = CliRunner().invoke(app(), [*map(str, words)])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output
        return done.stdout


@pytest.fixture(scope="module")
def fork(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fork]:
    """The whole way, once."""
    folder = tmp_path_factory.mktemp("fork")
    for name in ("cards", "adapters", "published"):
        (folder / name).mkdir()
    for name, model in MODELS.items():
        write_card(folder / "cards", name, model)
        write_result(folder / "published", name, model)
    (folder / "depth.json").write_text('{"depth": 0.4}\n')
    (folder / "authors.py").write_text(SCRIPT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLIP_ZOO_CARDS", str(folder / "cards"))
        patch.setenv("MLIP_ZOO_CACHE", str(folder / "cache"))
        patch.setattr("zoo.adapters.FOLDER", folder / "adapters")
        patch.setattr(Environment, "ensure", lambda *_, **__: None)
        patch.setattr(Environment, "python", property(lambda _: Path(sys.executable)))
        made = Fork(folder)
        _author(made)
        _lanes(made)
        yield made


def _author(fork: Fork) -> None:
    folder = fork.folder
    fork.run("new-family", "pairs", "--out", folder / "adapters")
    shutil.copyfile(ADAPTER, folder / "adapters" / "pairs.py")
    words: list[str | Path] = [
        "new",
        "pairs-1",
        "--family",
        "pairs",
        "--from",
        folder / "depth.json",
        "--title",
        "Pairs (1)",
    ]
    words += ["--training-set", "mptrj", "--energies", "dft", "--licence-code", "MIT", "--licence-weights", "MIT"]
    fork.run(*words, "--code", "https://example.org/pairs")
    card = folder / "cards" / "pairs-1.md"
    known = "sources: [{url: https://example.org/depth.json}]"
    text = card.read_text().replace("    bytes: ", f"    {known}\n    bytes: ")
    assert known in text
    claims = "rotation: exact\ninversion: exact\ncheckpoint:"
    card.write_text(text.replace("checkpoint:", claims))
    fork.said["without a canary"] = fork.run("submit", "check", "pairs-1", "--no-run", code=1)
    claimed = "{task: eos, metric: delta, value: 1.0, subset: fast, source: https://example.org/paper}"
    sizes = "{extensivity: {eV/atom: 3.0e-3}, large system: {eV/atom: 3.0e-3}}"
    declared = f"defects: {sizes}\nclaims: [{claimed}]\n{claims}"
    card.write_text(card.read_text().replace(claims, declared))
    fork.run("canary", "pairs-1", "--with", folder / "authors.py")
    looked = folder / "looked.json"
    fork.said["check"] = fork.run("submit", "check", "pairs-1", "--task", "eos", "--out", looked)
    fork.said["report"] = fork.run("submit", "report", looked, "--results", folder / "published")


def _lanes(fork: Fork) -> None:
    folder = fork.folder
    fork.said["owed"] = fork.run("owed", "pairs-1", "--results", folder / "published", "--json")
    fork.run("evaluate", "pairs-1", "--task", "eos", "--subset", "canary", "--device", "cpu", "--runs", folder / "runs")
    shutil.copytree(folder / "published", folder / "before")
    fork.run("check", "pairs-1", "--device", "cpu", "--record", "--json")
    fork.said["accept"] = fork.run("submit", "accept", folder / "runs", "--into", folder / "published")
    fork.said["difference"] = fork.run("submit", "difference", folder / "before", folder / "published")


def test_the_author_is_told_of_the_missing_canary(fork: Fork) -> None:
    told = fork.said["without a canary"]
    assert "'mlip-zoo canary pairs-1 --with SCRIPT'" in told


def test_it_passes_with_its_defect_declared(fork: Fork) -> None:
    told = fork.said["check"]
    assert "with known defects: extensivity, large system" in told
    assert "conversion: 1 tensors, equal bit by bit" in told
    assert "canary of eos: 3 ok" in told
    assert told.endswith("Nothing is left to do.\n")
    assert len(told.splitlines()) <= 40


def test_the_report_says_what_a_maintainer_decides(fork: Fork) -> None:
    told = fork.said["report"]
    assert told.startswith("### pairs-1: its author has nothing left to do")
    assert "Whether the declared defects are the model's own: extensivity, large system." in told
    assert "the label 'evaluate' does that, for this commit alone" in told
    assert "| eos | 3 of 3 |" in told
    assert "not comparable: we have no result of that task" in told


def test_what_is_owed_is_named(fork: Fork) -> None:
    assert [(each["entry"], each["task"], each["why"]) for each in json.loads(fork.said["owed"])] == [
        ("pairs-1@conservative", "eos", "this model never ran")
    ]


def test_it_is_verified_published_and_on_the_board(fork: Fork) -> None:
    assert index.card("pairs-1").verified
    entries = {entry.name: entry for entry in collect([fork.folder / "published"]).entries}
    assert entries["pairs-1@conservative"].stale == ()
    assert entries["pairs-1@conservative"].result.run.checkpoint_sha256 == sha256(fork.folder / "depth.json")
    assert len(entries) == len(MODELS) + 1


def test_the_difference_is_the_new_entry_alone(fork: Fork) -> None:
    told = fork.said["difference"]
    assert told.startswith(f"### The board: 1 new, 0 scores moved, {len(MODELS)} compared")
    assert "| eos | canary | pairs-1&#64;" in told
