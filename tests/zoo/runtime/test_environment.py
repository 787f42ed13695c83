"""A family's environment: built from its adapter's header, once, by whoever comes first."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests import toy
from zoo.adapters import families
from zoo.cli import app
from zoo.errors import EnvironmentFault
from zoo.runtime import environment
from zoo.runtime.environment import describe, find


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLIP_ZOO_CACHE", str(tmp_path / "cache"))


def adapter(folder: Path, text: str, name: str = "broken") -> Path:
    path = folder / f"{name}.py"
    path.write_text(text)
    return path


def header(*dependencies: str, extra: str = '# [tool.uv]\n# exclude-newer = "2026-11-01T00:00:00Z"\n') -> str:
    listed = ", ".join(f'"{dependency}"' for dependency in dependencies)
    return f'# /// script\n# requires-python = ">=3.12"\n# dependencies = [{listed}]\n{extra}# ///\n'


@pytest.mark.parametrize("family", families())
def test_every_adapter_pins_exactly_what_it_needs(family: str) -> None:
    found = find(family)
    assert all("==" in dependency for dependency in found.dependencies)
    assert any(dependency.startswith("safetensors==") for dependency in found.dependencies)  # the frames need it


def test_it_is_built_once_by_several_at_a_time() -> None:
    said: list[str] = []
    toys = describe(toy.ADAPTER)
    assert toys.report() is None
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: toys.ensure(say=said.append), range(4)))
    assert said.count("building the environment of toy") == 1
    report = toys.report()
    assert report is not None
    assert report["packages"] >= 4  # type: ignore[operator]
    version = "import ase, sys; print(ase.__version__, sys.prefix)"
    told = subprocess.run([toys.python, "-I", "-c", version], capture_output=True, text=True, check=True).stdout.split()
    assert told == ["3.29.0", str(toys.folder)]


def test_the_remains_of_a_killed_build_are_cleared_away() -> None:
    toys = describe(toy.ADAPTER)
    (toys.folder / "bin").mkdir(parents=True)
    (toys.folder / "bin" / "python").write_text("not an interpreter")
    assert not toys.ready
    toys.ensure()
    assert subprocess.run([toys.python, "-c", ""], check=False).returncode == 0


def test_a_changed_pin_is_another_environment(tmp_path: Path) -> None:
    before = describe(adapter(tmp_path, header("ase==3.29.0"))).folder
    assert describe(adapter(tmp_path, header("ase==3.29.0"))).folder == before
    assert describe(adapter(tmp_path, header("ase==3.28.0"))).folder != before


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import torch\n", "has no '# /// script' header"),
        (header("ase"), "every dependency needs '=='"),
        (header("ase==3.29.0", extra=""), "exclude-newer"),
        ("# /// script\n# dependencies = [\n# ///\n", "its header cannot be read"),
        ("# /// script\n# dependencies = 'ase==3.29.0'\n# tool = 3\n# ///\n", "is not a requirement"),
    ],
)
def test_a_loose_header_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(EnvironmentFault, match=told):
        describe(adapter(tmp_path, text))


def test_what_cannot_be_installed_says_so_in_uvs_words_and_leaves_nothing(tmp_path: Path) -> None:
    broken = describe(adapter(tmp_path, header("ase==3.29.0", "numpy==0.0.1")))
    with pytest.raises(EnvironmentFault, match=r"(?s)'broken' could not be built.*numpy==0\.0\.1"):
        broken.ensure()
    assert not broken.folder.exists()


def test_building_all_goes_on_past_one_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adapters = tmp_path / "adapters"
    adapters.mkdir()
    for name in ("alpha", "omega"):
        adapter(adapters, toy.ADAPTER.read_text(), name)
    adapter(adapters, header("ase==3.29.0", "numpy==0.0.1"))
    monkeypatch.setattr("zoo.adapters.FOLDER", adapters)
    done = CliRunner().invoke(app, ["environments", "--build", "all", "--json"])
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert list(told) == ["alpha", "broken", "omega"]
    for name in ("alpha", "omega"):
        assert told[name]["fault"] is None
        assert told[name]["report"]["bytes"] > 1e6
        assert told[name]["report"]["seconds"] > 0
    assert told["broken"]["report"] is None
    assert "numpy==0.0.1" in told["broken"]["fault"]  # uv's own words
    shown = CliRunner().invoke(app, ["environments", "--build", "broken"])
    assert shown.exit_code == 1
    assert [line.split()[1:4:2] for line in shown.stdout.splitlines() if "broken" in line] == [["broken", "failed"]]
    assert "'broken' could not be built" in shown.stderr
    assert CliRunner().invoke(app, ["environments", "--build", "alpha"]).exit_code == 0


def test_an_unknown_family_names_the_known_ones() -> None:
    with pytest.raises(EnvironmentFault, match=r"no adapter for family '\.\./evil' yet; it has .*chgnet"):
        find("../evil")


def test_the_interpreter_is_one_that_runs() -> None:
    assert Path(environment._base_python(">=3.12")).exists()
    assert environment._base_python("<3.0") == "<3.0"
    assert sys.version_info >= (3, 12)
