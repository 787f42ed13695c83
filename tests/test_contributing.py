"""The page for contributors keeps its word: its examples run, its paths, commands and members exist."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from typer.testing import CliRunner

from evaluation.reference.dataset import Dataset
from evaluation.task import Task
from tests import toy
from tests.zoo.adapters.test_contract import faults
from zoo.cards.card import parse_card
from zoo.cards.front_matter import read_yaml
from zoo.checks.suite import check
from zoo.command import app
from zoo.potential import Potential
from zoo.runtime.remote import Worker

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
TEXT = re.sub(r"^ *```.*?^ *```$", "", PAGE, flags=re.DOTALL | re.MULTILINE)
MODE = {"device": "cpu", "dtype": "float64", "forces": "conservative", "fidelity": None, "runtime": "eager"}
NAMES = {"FAMILY": "chgnet", "NAME": "chgnet-0.3.0", "SCRIPT": "authors.py", "TASK": "eos"}


def example(mark: str) -> str:
    found = re.search(rf"<!-- {mark} -->\n```\w+\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def test_paths_exist() -> None:
    named = re.findall(r"`((?:zoo|evaluation|leaderboard|tests|model_cards)/[\w./-]*)`", TEXT)
    assert len(named) >= 20
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_folders_of_files_to_add_exist() -> None:
    folders = set(re.findall(r"`([\w./]+)/<\w+>[\w.-]*`", TEXT))
    assert {"model_cards", "zoo/adapters", "zoo/wrappers", "evaluation/tasks", "evaluation/datasets"} <= folders
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []


def commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()]
    return sorted({*lines, *re.findall(r"`((?:mlip-zoo|make) [^`]+)`", TEXT)})


@pytest.mark.parametrize("line", [line for line in commands() if line.startswith("mlip-zoo")])
def test_commands_exist(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    assert all(word in NAMES or word in {"DIR", "FILE"} or not word.isupper() for word in words)
    known = CliRunner().invoke(app(), [*words[: 2 if words[0] == "submit" else 1], "--help"], env={"COLUMNS": "200"})
    assert known.exit_code == 0, known.output
    for option in (word for word in words if word.startswith("--")):
        assert option in known.stdout


@pytest.mark.parametrize("line", [line for line in commands() if line.startswith("make")])
def test_make_targets_and_their_tests_exist(line: str) -> None:
    words = shlex.split(line, comments=True)
    assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    for path in re.findall(r"tests/[\w./]+", line):
        assert (ROOT / path).exists(), path


def test_links_lead_to_headings() -> None:
    headings = {
        re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([\w-]+)\)", TEXT)) <= headings


def test_the_first_card_is_a_card() -> None:
    (header,) = re.findall(r"^   ```yaml\n(.*?)^   ```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    text = "\n".join(line.removeprefix("   ") for line in header.splitlines())
    card = parse_card(f"---\n{text}\n---\nProse.\n", name="sevennet-example", file="sevennet-example.md")
    assert not card.checkpoint.pinned
    assert not card.verified


def test_the_dataset_is_a_dataset(tmp_path: Path) -> None:
    path = tmp_path / "example.yaml"
    path.write_text(example("dataset"), encoding="utf-8")
    assert read_yaml(path, Dataset).files["crystals"].bytes == 12345


def test_the_adapter_has_the_shape_of_the_contract() -> None:
    assert faults(example("adapter")) == []


def test_the_adapter_passes_every_check_and_loads_what_it_exports(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    adapter = tmp_path / "lennard_jones.py"
    adapter.write_text(example("adapter"), encoding="utf-8")
    (tmp_path / "upstream").write_text('{"epsilon": 0.1, "sigma": 2.2, "cutoff": 6.0}', encoding="utf-8")

    def worker(files: dict[str, Path]) -> Worker:
        return Worker(python=Path(sys.executable), adapter=adapter, files=files, mode=MODE, threads=1)

    card = toy.card().model_copy(update={"canary": None})
    with Potential(worker({"upstream": tmp_path / "upstream"}), card=card, mode=card.mode("float64")) as potential:
        report = check(potential, forces="conservative", inversion="exact", dtype="float64")
    assert report.passed, report.failed
    first = worker({"upstream": tmp_path / "upstream"})
    tensors, config = first.export()
    first.close()
    save_file(tensors, tmp_path / "weights")
    (tmp_path / "config").write_text(str(config).replace("'", '"'), encoding="utf-8")
    second = worker({"weights": tmp_path / "weights", "config": tmp_path / "config"})
    again, same = second.export()
    second.close()
    assert same == config
    assert all(np.array_equal(again[name], tensors[name]) for name in tensors)


def test_the_wrapper_wraps(tmp_path: Path) -> None:
    scope: dict[str, type] = {}
    exec(compile(example("wrapper"), "wrapper", "exec"), scope)
    atoms = bulk("Ar", a=5.3)
    with toy.potential(tmp_path) as potential:
        plain, shifted = potential.compute([atoms]), scope["Shifted"](potential).compute([atoms])
    assert shifted.energies == pytest.approx(plain.energies - 1.0, abs=1e-12)
    assert np.array_equal(shifted.forces[0], plain.forces[0])


def test_every_member_of_a_task_is_in_the_table() -> None:
    table = PAGE.split("| member | what it is |")[1].split("\n\n", 1)[0]
    named = {
        name for row in re.findall(r"^\| ([^|]+) \|", table, flags=re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    members = {*Task.__annotations__, *(name for name in vars(Task) if not name.startswith("_"))}
    assert named == members


def test_every_module_of_checks_is_in_the_table() -> None:
    from zoo.checks.suite import CHECKS

    named = set(re.findall(r"^\| `(zoo/checks/\w+)\.py` \|", PAGE, flags=re.MULTILINE))
    assert named == {function.__module__.replace(".", "/") for function in CHECKS}
