"""Rules of the house that no linter knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evaluation.errors import DatasetUnavailable
from evaluation.reference import dataset

ROOT = Path(__file__).parent.parent

CODE = {".py", ".js", ".css", ".j2", ".sh"}
MOST_LINES = 450
"""A longer file is two things (architecture.md aims at 400)."""

# A registry's address or a path of somebody's machine would make the project work in one place only. The brackets keep
# the patterns from matching themselves.
PLACES = re.compile(
    r"\bpypi[.]org|pythonhosted[.]org|registry[.]npmjs|deb[.]debian|archive[.]ubuntu"
    r"|(?<![\w.])/(?:root|work|opt|Users|home)/\w"
)


def test_the_project_is_all_there(project_files: tuple[str, ...]) -> None:
    assert {"LICENSE", "README.md", "CHANGELOG.md", "Makefile", ".ci/requirements.lock", "zoo/cards/card.py"} <= {
        *project_files
    }


def test_nothing_names_a_registry_or_a_place_on_one_machine(project_files: tuple[str, ...]) -> None:
    found = []
    for name in project_files:
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:  # a picture, a Parquet file
            continue
        found += [f"{name}: {match.group()}" for match in PLACES.finditer(text)]
    assert found == []


def test_files_are_short(project_files: tuple[str, ...]) -> None:
    code = [name for name in project_files if Path(name).suffix in CODE]
    lines = {name: len((ROOT / name).read_bytes().splitlines()) for name in code}
    assert {name: n for name, n in lines.items() if n > MOST_LINES} == {}


def test_no_file_can_run_code_when_it_is_loaded(project_files: tuple[str, ...]) -> None:
    suffixes = {".bin", ".ckpt", ".joblib", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pth", ".tar"}
    opening = re.compile(rb"\x80[\x02-\x05]|PK\x03\x04")  # of a pickle; of the zip that torch.save wraps around one
    loads = [name for name in project_files if opening.match((ROOT / name).read_bytes()[:4])]
    assert [*loads, *(name for name in project_files if Path(name).suffix in suffixes)] == []


def test_every_file_has_a_noun_for_a_name(project_files: tuple[str, ...]) -> None:
    nameless = re.compile(r"(?:^|_)(?:utils?|helpers?|common|managers?|misc)$")
    assert [name for name in project_files if name.endswith(".py") and nameless.search(Path(name).stem)] == []


@pytest.mark.parametrize("command", ["make demo", "make test"])
def test_the_readme_names_the_two_commands(command: str) -> None:
    assert command in (ROOT / "README.md").read_text(encoding="utf-8")


def test_no_python_version_file() -> None:
    # pyenv obeys it, and then refuses to start its own `uv` and `python3` where that version is missing
    assert not (ROOT / ".python-version").exists()


def test_a_test_without_the_mark_data_opens_no_dataset() -> None:
    with pytest.raises(pytest.fail.Exception, match="without the mark 'data' opens 'structures' of 'phonondb103'"):
        dataset.fetch("phonondb103", "structures")
    with dataset.here_only(), pytest.raises(DatasetUnavailable):
        dataset.fetch("phonondb103", "structures")
