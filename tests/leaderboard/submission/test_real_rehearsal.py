"""A rehearsal on real files: DIEP 2.0.0, a package that the zoo does not have, through every lane.

Its environment is built from the registry, and its weights come out of its wheel. The sum over three atoms is taken in
a frame that is ill-conditioned where they lie nearly in a line: in single precision, two cells get other forces than
one. That is its own defect, and its card declares it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from leaderboard.ranking import board
from leaderboard.ranking.collect import collect
from tests.leaderboard.specimens import MODELS
from tests.leaderboard.submission.lanes import ADAPTERS, Lanes, Stop, tree
from zoo.cards import index

pytestmark = pytest.mark.slow  # two environments with torch, and two whole checks
NAME = "diep-fold1"
SCRIPT = """

from pathlib import Path

from ase.calculators.calculator import Calculator
from diep.pretrained import make_calculator


def calculator(files: dict[str, Path]) -> Calculator:
    return make_calculator()  # the file that the package ships
"""
WORDS = {
    "--title": "DIEP, fold 1",
    "--family": "diep",
    "--wheel": "diep==2.0.0",
    "--file": "diep/pretrained_models/diep_fold1/state.pt",
    "--training-set": "matpes-r2scan",
    "--energies": "dft",
    "--licence-code": "BSD-3-Clause",
    "--licence-weights": "BSD-3-Clause",
    "--code": "https://github.com/materialsalchemist/diep",
}


@dataclass
class Rehearsal:
    """What the commands said, and what became of the main branch."""

    lanes: Lanes
    undeclared: Stop | None
    report: str
    published: Stop | None
    difference: str


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    folder = tmp_path_factory.mktemp("rehearsal")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(board, "MIN_ENTRIES", 2)
        lanes = Lanes(folder, patch)
        fork = lanes.fork("fork")
        _author(lanes, fork, folder)
        undeclared = lanes.stopped(fork)
        card = fork / "model_cards" / f"{NAME}.md"
        defect = "defects: {extensivity: {eV/Å: 1.0e-2}}\ncheckpoint:"
        card.write_text(card.read_text().replace("checkpoint:", defect, 1))
        assert lanes.stopped(fork) is None
        report = lanes.report
        before = folder / "before"
        shutil.copytree(lanes.main / "leaderboard" / "results", before)
        published = lanes.evaluated(fork)
        code, difference = lanes.run(lanes.main, "submit", "difference", before, "leaderboard/results")
        assert code == 0, difference
        yield Rehearsal(lanes, undeclared, report, published, difference)


def _author(lanes: Lanes, fork: Path, folder: Path) -> None:
    """From the package to a card with the answers of its own calculator, by our commands alone."""

    def run(*words: str | Path) -> None:
        code, told = lanes.run(fork, *words)
        assert code == 0, told

    run("new-family", "diep", "--out", fork / "zoo" / "adapters")
    adapter = (ADAPTERS / "diep.py").read_text()
    (fork / "zoo" / "adapters" / "diep.py").write_text(adapter)
    run("new", NAME, *(word for pair in WORDS.items() for word in pair))
    card = fork / "model_cards" / f"{NAME}.md"
    card.write_text(card.read_text().replace("checkpoint:", "rotation: exact\ninversion: exact\ncheckpoint:", 1))
    script = folder / "diep_authors.py"
    script.write_text(adapter.split('"""', maxsplit=1)[0] + SCRIPT)
    run("canary", NAME, "--with", script)


def test_its_defect_stops_it_until_it_is_declared(rehearsal: Rehearsal) -> None:
    assert rehearsal.undeclared is not None
    assert rehearsal.undeclared.lane == "canary"
    told = rehearsal.undeclared.told
    assert [line.split(":")[0].split()[-1] for line in told.splitlines() if "wrong  " in line] == ["extensivity"], told
    assert "mend 'extensivity', or declare it with its size" in told


def test_the_report_leaves_the_defect_to_a_maintainer(rehearsal: Rehearsal) -> None:
    assert rehearsal.report.startswith("### diep-fold1: its author has nothing left to do")
    assert "Whether the declared defects are the model's own: extensivity." in rehearsal.report
    assert "tensors, equal bit by bit" in rehearsal.report
    assert "the label 'evaluate' does that, for this commit alone" in rehearsal.report


def test_it_is_published_with_its_mark(rehearsal: Rehearsal) -> None:
    assert rehearsal.published is None
    main = rehearsal.lanes.main
    passed = json.loads((main / "model_cards" / "checked" / f"{NAME}.json").read_text())["conservative"]
    assert (passed["canary"], passed["defects"]) == (True, ["extensivity"])
    assert index.card(NAME).verified
    entries = {entry.name: entry for entry in collect([main / "leaderboard" / "results"]).entries}
    assert len(entries) == len(MODELS) + 1
    assert entries[f"{NAME}@conservative"].theory == "r2SCAN"


def test_the_difference_is_the_new_entry_alone(rehearsal: Rehearsal) -> None:
    assert rehearsal.difference.startswith(f"### The board: 1 new, 0 scores moved, {len(MODELS)} compared")
    assert f"{NAME}&#64;" in rehearsal.difference


def test_it_is_on_the_site(rehearsal: Rehearsal, tmp_path: Path) -> None:
    main = rehearsal.lanes.main
    code, told = rehearsal.lanes.run(main, "site", "build", "--results", "leaderboard/results", "--out", tmp_path / "s")
    assert code == 0, told
    files = tree(tmp_path / "s")
    assert b"DIEP, fold 1" in files["models.html"]
    assert b"extensivity" in files[f"models/{NAME}.html"]
